"""One file of a table, whatever its layout."""

from __future__ import annotations

import codecs
import contextlib
import dataclasses
import lzma
import zipfile
import zlib
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_example_gen.cells.parse import is_list, to_lists, to_text
from components.behavior_example_gen.config.log_config import CsvConfig
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read.block import NOT_UTF8, Block
from components.behavior_example_gen.read.csv import csv_blocks, csv_names
from components.behavior_example_gen.read.files import check_columns, find_files, partitions
from components.behavior_example_gen.read.first_bytes import PARQUET
from components.behavior_example_gen.read.json_lines import json_blocks, json_names
from components.behavior_example_gen.read.packing import open_plain, packing, unpacked_name
from components.behavior_example_gen.read.parquet import parquet_blocks, parquet_names
from components.behavior_example_gen.read.tfrecord import tfrecord_blocks, tfrecord_names
from components.behavior_example_gen.tables import one_batch

_SHOWN = 32  # bytes of a cell
Layout = Literal["csv", "json", "parquet", "tfrecord"]
# What readers and unpackers raise for a file that is damaged, or not what it is taken for.
_UNREADABLE = (
    pa.ArrowException,
    OSError,
    UnicodeError,
    EOFError,
    LookupError,
    NotImplementedError,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zlib.error,
)


def layout_of(path: str, layout: Layout | Literal["auto"]) -> Layout:
    """Returns how a file is laid out; "auto": by its name."""
    if layout != "auto":
        return layout
    name = unpacked_name(path).lower()
    if name.endswith((".parquet", ".pq")):
        return "parquet"
    if name.endswith((".jsonl", ".json", ".ndjson")):
        return "json"
    return "tfrecord" if ".tfrecord" in name else "csv"


def names_its_columns(path: str, layout: Layout | Literal["auto"]) -> bool:
    """Whether each row of a file says which columns it has."""
    return layout_of(path, layout) in ("json", "tfrecord")


def read_file(
    path: str,
    part: int,
    layout: Layout | Literal["auto"],
    csv: CsvConfig,
    columns: Sequence[str],
    section: str = "log",
    optional: Container[str] = (),
    carriers: Container[str] | None = None,
) -> Iterator[Block]:
    """Reads the columns of one file: text from CSV and JSON, typed from the others.

    A column that the file lacks, but its folders name, as in `dt=2024-01-01/`, has the value that
    they say in every row.

    Args:
      path: the file.
      part: its place in the log.
      layout: "auto", "csv", "json", "parquet" or "tfrecord".
      csv: how a text file is cut.
      columns: names of the columns to read, at least one.
      section: the dotted key of the table, for messages.
      optional: columns that a file whose rows name their own (JSON, TFRecord) may lack: their
        cells are missing then.
      carriers: columns of which a list is one event per element; None: all of them.

    Yields:
      Blocks, in the order of the file.

    Raises:
      LogError: if the file cannot be read to its end, or lacks a column.
    """
    layout, given = layout_of(path, layout), partitions(path)
    carriers = columns if carriers is None else carriers
    try:
        if layout == "csv":
            blocks = csv_blocks(path, part, csv, columns, given, section)
        elif layout == "json":
            blocks = json_blocks(path, part, columns, given, section, optional, carriers)
        elif layout == "parquet":
            blocks = map(_texts, parquet_blocks(path, part, columns, given, section, carriers))
        else:
            blocks = map(_texts, tfrecord_blocks(path, part, columns, given, section, optional))
        for block in blocks:
            yield _filled(block, columns, given)
    except _UNREADABLE as fault:
        raise LogError(_explain(path, csv, fault, layout, section)) from fault


def column_names(
    path: str,
    layout: Layout | Literal["auto"],
    csv: CsvConfig,
    needed: Sequence[str],
    section: str,
) -> list[str]:
    """Returns the names of all columns of a file, and of those that its folders name.

    Of JSON lines and TFRecord, those of the first rows; of a file that holds nothing, none.

    Args:
      path: the file.
      layout: "auto", "csv", "json", "parquet" or "tfrecord".
      csv: how a text file is cut.
      needed: names that must be among them.
      section: the dotted key of the table, for messages.

    Raises:
      LogError: if the head of the file cannot be read, or it lacks a needed column.
    """
    layout, given = layout_of(path, layout), partitions(path)
    try:
        if layout == "csv":
            names = csv_names(path, csv, needed, given, section)
        else:
            names = {
                "json": lambda: json_names(path, section),
                "parquet": lambda: parquet_names(path),
                "tfrecord": lambda: tfrecord_names(path),
            }[layout]()
    except _UNREADABLE as fault:
        raise LogError(_explain(path, csv, fault, layout, section)) from fault
    if not names:
        return []
    names = list(dict.fromkeys([*names, *given]))
    check_columns(path, needed, names, section)
    return names


def read_table(
    folder: str,
    files: str | list[str],
    csv: CsvConfig,
    columns: Sequence[str],
    section: str,
    layout: Layout | Literal["auto"] = "auto",
    optional: Container[str] = (),
) -> pa.RecordBatch:
    """Reads the columns of a small table of files, whole, as `read_file` does."""
    blocks = [
        block
        for file in find_files(folder, files, f"{section}.files")
        for block in read_file(file.path, 0, layout, csv, columns, section, optional, carriers=())
    ]
    for row, origin in ((row, block.origin) for block in blocks for row in block.rejected):
        if row.reason == NOT_UTF8:
            raise LogError(
                f"{origin}: row {row.number} {_other_encoding(csv, section)} ({row.text[:100]!r})"
            )
        reason = row.reason.removeprefix("row: ")
        is_text = layout_of(origin, layout) == "csv"
        how = f", or `{section}.csv`, which says how the table is cut" if is_text else ""
        raise LogError(
            f"{origin}: row {row.number} of a table to join: {reason}. Mend it{how}. "
            f"({row.text[:100]!r})"
        )
    batches = [block.batch for block in blocks if block.batch.num_rows]
    if not batches:
        raise LogError(f"{files} in {folder!r} holds no row. Write it again, or remove it.")
    return one_batch(pa.Table.from_batches(_alike(batches)))


def _alike(batches: Sequence[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """Brings each column into one type: text, or lists of texts, where its types differ."""
    kinds = {field.name: set[pa.DataType]() for field in batches[0].schema}
    for field in (field for batch in batches for field in batch.schema):
        kinds[field.name].add(field.type)
    return [
        pa.RecordBatch.from_arrays(
            [
                cells if len(kinds[name]) == 1 else _as_text(cells, any(map(is_list, kinds[name])))
                for name, cells in zip(batch.schema.names, batch.columns, strict=True)
            ],
            batch.schema.names,
        )
        for batch in batches
    ]


def _as_text(cells: pa.Array, in_lists: bool) -> pa.Array:
    if not in_lists:
        return to_text(cells)
    if not is_list(cells.type):
        sizes = np.asarray(cells.is_valid()).astype(np.int64)
        inner = to_text(cells.drop_null())
    else:
        sizes = pc.list_value_length(cells).fill_null(0).to_numpy()
        inner = to_text(pc.list_flatten(cells))
    return to_lists(sizes, inner)


def _texts(block: Block) -> Block:
    """Returns a typed block with texts as strings, as `Block.checked`.

    Raises:
      LogError: if most rows of a column hold bytes that are no text.
    """
    checked = block.checked()
    if 2 * len(checked.rejected) <= block.batch.num_rows:
        return checked
    for name, column in zip(block.batch.schema.names, block.batch.columns, strict=True):
        alone = dataclasses.replace(
            block, batch=pa.RecordBatch.from_arrays([column], [name]), rejected=()
        )
        lost = alone.checked().rejected
        if 2 * len(lost) > block.batch.num_rows:
            cell = next(cell for cell in column.to_pylist() if isinstance(cell, bytes))
            such = f", such as {cell.hex()} in hexadecimal digits" if len(cell) <= _SHOWN else ""
            raise LogError(
                f"{block.origin}: the column {name!r} ({column.type}) holds bytes that are no text "
                f"in {len(lost):,} of {block.batch.num_rows:,} rows{such}. Write UUIDs and other "
                f"bytes as text, such as by hex() in SQL or str() of Python's uuid.UUID."
            )
    return checked


def _filled(block: Block, columns: Sequence[str], given: Mapping[str, str | None]) -> Block:
    """Adds the columns that only the file's folders name."""
    batch = block.batch
    if batch.schema.names == list(columns):
        return block
    cells = [
        batch[name]
        if name in batch.schema.names
        else pa.repeat(pa.scalar(given[name], pa.string()), batch.num_rows)
        for name in columns
    ]
    return dataclasses.replace(block, batch=pa.RecordBatch.from_arrays(cells, list(columns)))


def _other_encoding(csv: CsvConfig, section: str) -> str:
    # Without a byte-order mark, UTF-16 does not say which of the two bytes is first.
    other = "utf-16-le" if codecs.lookup(csv.encoding).name == "utf-16" else "latin-1"
    return f"is not {csv.encoding} text. Set `{section}.csv.encoding`, for example to {other}."


def _explain(path: str, csv: CsvConfig, fault: Exception, layout: Layout, section: str) -> str:
    text = " ".join(str(fault).split())
    unreadable = isinstance(fault, UnicodeError) or "UTF8" in text or "UTF-8" in text
    packed, begin = None, PARQUET
    with contextlib.suppress(Exception), open_plain(path) as file:
        packed, begin = packing(path), file.read(len(PARQUET))
    cut = isinstance(fault, EOFError) or "truncated" in text.lower()
    remedies = {
        _other_encoding(csv, section): unreadable,
        f"is a {packed} file, and Parquet is never packed as a whole. Unpack it.": (
            packed is not None and layout == "parquet"
        ),
        f"is a truncated {packed} file. Copy it again, complete.": packed is not None and cut,
        f"is a damaged {packed} file. Copy it again.": packed is not None,
        "is no Parquet file, but empty. Remove it, or write it again.": (
            layout == "parquet" and not begin
        ),
        "is no Parquet file. Set `log.format` to what it is, such as csv, or write it again.": (
            layout == "parquet" and begin != PARQUET
        ),
        "is a truncated or damaged Parquet file. Copy it again, complete.": layout == "parquet",
        "holds no row. Remove it, or write it again.": "Empty CSV file" in text,
    }
    for remedy, applies in remedies.items():
        if applies:
            return f"{path}: {remedy} ({text})"
    return f"{path}: cannot be read: {text}. Check its permissions and that it is complete."
