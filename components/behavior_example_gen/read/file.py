"""One file of a table, whatever its layout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import pyarrow as pa

from components.behavior_example_gen.config.log_config import CsvConfig
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read.block import NOT_UTF8, Block
from components.behavior_example_gen.read.csv import csv_blocks
from components.behavior_example_gen.read.files import find_files
from components.behavior_example_gen.read.parquet import parquet_blocks
from components.behavior_example_gen.read.tfrecord import tfrecord_blocks
from components.behavior_example_gen.tables import one_batch

Layout = Literal["csv", "parquet", "tfrecord"]


def layout_of(path: str, layout: str) -> Layout:
    """Returns how a file is laid out; "auto": by its name."""
    if layout != "auto":
        return layout
    name = path.rsplit("/", 1)[-1].removesuffix(".gz")
    if name.endswith((".parquet", ".pq")):
        return "parquet"
    return "tfrecord" if ".tfrecord" in name else "csv"


def read_file(
    path: str, part: int, layout: str, csv: CsvConfig, columns: Sequence[str]
) -> Iterator[Block]:
    """Reads the columns of one file: text from CSV, typed from the others.

    Args:
      path: the file.
      part: its place in the log.
      layout: "auto", "csv", "parquet" or "tfrecord".
      csv: how a text file is cut.
      columns: names of the columns to read, at least one.

    Yields:
      Blocks, in the order of the file.

    Raises:
      LogError: if the file cannot be read to its end, or lacks a column.
    """
    layout = layout_of(path, layout)
    try:
        if layout == "parquet":
            yield from (block.checked() for block in parquet_blocks(path, part, columns))
        elif layout == "tfrecord":
            yield from (block.checked() for block in tfrecord_blocks(path, part, columns))
        else:
            yield from csv_blocks(path, part, csv, columns)
    except (pa.ArrowException, OSError, UnicodeError, EOFError, LookupError) as fault:
        raise LogError(_explain(path, csv, fault, layout)) from fault


def read_table(
    folder: str, files: str | list[str], csv: CsvConfig, columns: Sequence[str]
) -> pa.RecordBatch:
    """Reads the columns of a small table of files, whole."""
    blocks = [
        block
        for file in find_files(folder, files)
        for block in read_file(file.path, 0, "auto", csv, columns)
    ]
    for block in blocks:
        for row in block.rejected:
            if row.reason == NOT_UTF8:
                raise LogError(
                    f"{block.origin}: row {row.number} is not {csv.encoding} text. Set "
                    f"`csv.encoding`, for example to latin-1. ({row.text[:100]!r})"
                )
    if not sum(block.batch.num_rows for block in blocks):
        raise LogError(f"{files} in {folder!r} holds no row. Write it again, or remove it.")
    return one_batch(pa.Table.from_batches([block.batch for block in blocks]))


def _explain(path: str, csv: CsvConfig, fault: Exception, layout: Layout) -> str:
    text = " ".join(str(fault).split())
    lower = text.lower()
    unreadable = isinstance(fault, UnicodeError) or "UTF8" in text or "UTF-8" in text
    remedies = {
        f"is not {csv.encoding} text. Set `csv.encoding`, for example to latin-1.": unreadable,
        f"`csv.encoding` {csv.encoding!r} is unknown. Set utf-8, latin-1 or another.": isinstance(
            fault, LookupError
        ),
        "is a truncated gzip file. Copy it again, complete.": (
            path.endswith(".gz") and "truncated" in lower
        ),
        "is no gzip file, or a damaged one. Copy it again, or drop `.gz`.": (
            path.endswith(".gz") and "zlib" in lower
        ),
        "is no Parquet file, or a truncated one. Copy it again, complete.": layout == "parquet",
        "holds no row. Remove it, or write it again.": "Empty CSV file" in text,
    }
    for remedy, applies in remedies.items():
        if applies:
            return f"{path}: {remedy} ({text})"
    return f"{path}: cannot be read: {text}. Check its permissions and that it is complete."
