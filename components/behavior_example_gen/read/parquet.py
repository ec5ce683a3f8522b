"""Reads Parquet files in blocks of Arrow: only the columns that are used leave the disk."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence

import pyarrow.parquet

from components.behavior_example_gen.read.block import Block
from components.behavior_example_gen.read.files import own_columns
from components.behavior_example_gen.read.nested import by_event, has_lists, paths, select
from components.behavior_example_gen.read.packing import open_plain

_BLOCK_ROWS = 1 << 18
_BLOCK_LISTS = 1 << 10  # rows, each of many events


def parquet_blocks(
    path: str,
    part: int,
    columns: Sequence[str],
    given: Mapping[str, object],
    section: str,
    carriers: Container[str],
) -> Iterator[Block]:
    """Reads the columns of one Parquet file, typed, in the order of the file.

    A name is that of a column, or a dotted path into its structs; a row with a list in one of the
    `carriers` is one event per element. A column of `given` is read only if the file has it.
    `section` is the dotted key of the table, for messages.
    """
    with open_plain(path) as file:
        table = pyarrow.parquet.ParquetFile(file)
        schema = table.schema_arrow
        own = own_columns(path, columns, list(paths(schema)), given, section)
        stored = [n if n in schema.names else n.partition(".")[0] for n in own]
        size = _BLOCK_LISTS if has_lists(schema, own) else _BLOCK_ROWS
        first = place = 1
        for batch in table.iter_batches(size, columns=list(dict.fromkeys(stored))):
            block = by_event(Block(path, part, first, select(batch, own)), place, carriers)
            yield block
            first, place = first + batch.num_rows, place + block.batch.num_rows


def parquet_names(path: str) -> list[str]:
    """Returns the names of all columns of a Parquet file, and the dotted paths of their fields."""
    with open_plain(path) as file:
        return list(paths(pyarrow.parquet.ParquetFile(file).schema_arrow))
