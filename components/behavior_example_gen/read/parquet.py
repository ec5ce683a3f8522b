"""Reads Parquet files in blocks of Arrow: only the columns that are used leave the disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow.parquet

from components.behavior_example_gen.read.block import Block
from components.behavior_example_gen.read.files import check_columns, open_plain

_BLOCK_ROWS = 1 << 18


def parquet_blocks(path: str, part: int, columns: Sequence[str]) -> Iterator[Block]:
    """Reads the columns of one Parquet file, typed, in the order of the file."""
    with open_plain(path) as file:
        table = pyarrow.parquet.ParquetFile(file)
        check_columns(path, columns, table.schema_arrow.names)
        first = 1
        for batch in table.iter_batches(_BLOCK_ROWS, columns=list(columns)):
            yield Block(path, part, first, batch.select(list(columns)))
            first += batch.num_rows
