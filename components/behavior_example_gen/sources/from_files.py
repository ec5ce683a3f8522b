"""Files as a source: text, JSON lines, Parquet or TFRecord."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Sequence

import apache_beam as beam

from components.behavior_example_gen.config.log_config import TableConfig
from components.behavior_example_gen.read.block import Block
from components.behavior_example_gen.read.file import (
    layout_of,
    read_file,
)
from components.behavior_example_gen.read.files import find_files
from components.behavior_example_gen.read.packing import is_named_packed
from components.behavior_example_gen.sources.source import Source

_BYTES_IN_MEMORY = {"csv": 2, "json": 1, "parquet": 6, "tfrecord": 1}  # for each byte of a file
_BYTES_UNZIPPED = 6


class FileSource(Source):
    """The files of a table; the order of their paths is the order of the log.

    Args:
      table: where they are.
      columns: names of the columns to read.
      section: the dotted key of the table, for messages.
      optional: those of them that a file may lack whose rows name their own.
    """

    def __init__(
        self, table: TableConfig, columns: Sequence[str], section: str, optional: frozenset[str]
    ):
        self._table, self._columns, self._section = table, list(columns), section
        self._optional = optional
        assert table.folder is not None and table.files is not None, "no other source is set"
        self._files = find_files(table.folder, table.files, f"{section}.files")
        self.parts = len(self._files)

    def blocks(self, pipeline: beam.Pipeline) -> beam.PCollection[Block]:
        """Reads every file on one worker, several files at a time."""
        parts = [(part, file.path) for part, file in enumerate(self._files)]
        return (
            pipeline
            | "Files" >> beam.Create(parts)
            | "SpreadFiles" >> beam.Reshuffle()
            | "ReadFiles" >> beam.FlatMap(self._reader())
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
            * (_BYTES_UNZIPPED if is_named_packed(file.path) else 1)
            for file in self._files
        )

    def heads(self) -> Iterator[tuple[Block, bool]]:
        """The first block of every file."""
        for part, file in enumerate(self._files):
            blocks = self._reader()((part, file.path))
            head = next(blocks, None)
            if head is not None:
                yield head, next(blocks, None) is None

    def _reader(self) -> Callable[[tuple[int, str]], Iterator[Block]]:
        return functools.partial(
            _read,
            table=self._table,
            columns=self._columns,
            section=self._section,
            optional=self._optional,
        )


def _read(
    file: tuple[int, str],
    table: TableConfig,
    columns: Sequence[str],
    section: str,
    optional: frozenset[str],
) -> Iterator[Block]:
    part, path = file
    carriers = frozenset(columns) - optional  # of which every row needs a cell
    return read_file(path, part, table.format, table.csv, columns, section, optional, carriers)
