"""Files as a source: text, Parquet or TFRecord."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Sequence
from typing import Literal

import apache_beam as beam
import pyarrow as pa

from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.log_config import CsvConfig, TableConfig
from components.behavior_example_gen.sources.block import NOT_UTF8, Block
from components.behavior_example_gen.sources.csv import csv_blocks
from components.behavior_example_gen.sources.files import find_files
from components.behavior_example_gen.sources.parquet import parquet_blocks
from components.behavior_example_gen.sources.source import Source
from components.behavior_example_gen.sources.tfrecord import tfrecord_blocks
from components.behavior_example_gen.tables import one_batch

Layout = Literal["csv", "parquet", "tfrecord"]
_BYTES_IN_MEMORY = {"csv": 2, "parquet": 6, "tfrecord": 1}  # for each byte of a file
_BYTES_UNZIPPED = 6


class FileSource(Source):
    """The files of a table; the order of their paths is the order of the log."""

    def __init__(self, table: TableConfig, columns: Sequence[str]):
        self._table, self._columns = table, list(columns)
        self._files = find_files(table.folder, table.files)
        self.parts = len(self._files)

    def blocks(self, pipeline: beam.Pipeline) -> beam.PCollection[Block]:
        """Reads every file on one worker, several files at a time."""
        parts = [(part, file.path) for part, file in enumerate(self._files)]
        read = functools.partial(_read, table=self._table, columns=self._columns)
        return (
            pipeline
            | "Files" >> beam.Create(parts)
            | "SpreadFiles" >> beam.Reshuffle()
            | "ReadFiles" >> beam.FlatMap(read)
        )

    def fingerprint(self) -> str:
        """Names, sizes and times of all files."""
        facts = [(f.path, f.size_in_bytes, f.last_updated_in_seconds) for f in self._files]
        return json.dumps(facts)

    def size(self) -> int:
        """By the sizes and kinds of the files."""
        return sum(
            file.size_in_bytes
            * _BYTES_IN_MEMORY[layout_of(file.path, self._table.format)]
            * (_BYTES_UNZIPPED if file.path.endswith(".gz") else 1)
            for file in self._files
        )

    def heads(self) -> Iterator[tuple[Block, bool]]:
        """The first block of every file."""
        for part, file in enumerate(self._files):
            blocks = _read((part, file.path), self._table, self._columns)
            head = next(blocks, None)
            if head is not None:
                yield head, next(blocks, None) is None


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


def _read(file: tuple[int, str], table: TableConfig, columns: Sequence[str]) -> Iterator[Block]:
    part, path = file
    return read_file(path, part, table.format, table.csv, columns)


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
