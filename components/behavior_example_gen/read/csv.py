"""Reads text files in blocks of Arrow, every row with the number of its line.

A file is cut into blocks of whole rows by us, and not by Arrow's own streaming reader, which cannot
say where the rows are that it leaves out. Its count of rows is checked against one of our own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from components.behavior_example_gen.config.log_config import CsvConfig
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read.block import RAGGED, UNMATCHED, Block, Rejected
from components.behavior_example_gen.read.csv_head import Head, read_head
from components.behavior_example_gen.read.csv_rows import Dialect, find_rows
from components.behavior_example_gen.read.csv_text import UNIT_SEPARATOR, dialect_of, whole_rows
from components.behavior_example_gen.read.packing import open_unpacked
from components.behavior_example_gen.tables import one_batch

_CHUNK_BYTES = 1 << 20  # of a block, parsed at a time


def csv_blocks(
    path: str,
    part: int,
    config: CsvConfig,
    columns: Sequence[str],
    given: Mapping[str, object],
    section: str,
) -> Iterator[Block]:
    """Reads the columns of one text file, as text, in the order of the file.

    A column of `given` is read only if the file has it. `section` is the dotted key of the table,
    for messages.
    """
    with open_unpacked(path) as file:
        line, texts = whole_rows(path, file, config, section)
        text = next(texts, b"")
        if not text:
            yield Block.nothing(path, part, columns)
            return
        head = read_head(path, text, line, config, columns, given, section)
        parser = _Parser(path, part, config, head, section)
        line, text = line + text.count(b"\n", 0, head.size), text[head.size :]
        while text or (text := next(texts, b"")):
            yield parser.parse(text, line)
            line += text.count(b"\n")
            text = b""


def csv_names(
    path: str,
    config: CsvConfig,
    needed: Sequence[str],
    given: Mapping[str, object],
    section: str,
) -> list[str]:
    """Returns the names of all columns of a text file, which must have or be given some.

    Of a file that holds nothing, none.
    """
    with open_unpacked(path) as file:
        line, texts = whole_rows(path, file, config, section)
        text = next(texts, b"")
        if not text:
            return []
        head = read_head(path, text, line, config, needed, given, section)
    return [name for name in head.names if name != head.tail]


class _Parser:
    """Parses blocks of whole rows of one file."""

    def __init__(self, path: str, part: int, config: CsvConfig, head: Head, section: str):
        self._path, self._part, self._config, self._head = path, part, config, head
        self._section = section
        self._dialect = dialect_of(config)
        self._null = _null(self._dialect)

    def parse(self, text: bytes, line: int) -> Block:
        """Parses some rows; `line` is the number of the first one's.

        Raises:
          LogError: if the parser finds other rows than we do.
        """
        text = self._null.sub(rb"\1", text) if self._null else text
        ragged: list[tuple[int, str]] = []
        try:
            batch = self._read(text, pa.string(), None)
            if self._is_plain(text, batch.num_rows) and self._ends(batch).all():
                return Block(self._path, self._part, line, self._own(batch))
        except pa.ArrowInvalid:  # a faulty row: look for it
            batch = self._read(text, pa.binary(), ragged)
        size = batch.num_rows + len(ragged)
        rows = find_rows(text, self._dialect)
        if len(rows.begins) != size:
            last = line + text.count(b"\n") - text.endswith(b"\n")
            raise LogError(
                f"{self._path}: lines {line:,} to {last:,} hold {len(rows.begins):,} rows, but "
                f"{size:,} are read. Set `{self._section}.csv.escape` if quotation marks in cells "
                f"are escaped, `{self._section}.csv.quote: null` if marks have no meaning, or "
                f"write the rows without line ends in cells."
            )
        faults = {number - 1: RAGGED for number, _ in ragged}
        kept = np.ones(size, bool)
        kept[list(faults)] = False
        faults |= dict.fromkeys(np.flatnonzero(kept)[~self._ends(batch)].tolist(), RAGGED)
        faults |= dict.fromkeys(np.flatnonzero(rows.unmatched).tolist(), UNMATCHED)
        # A row of several lines may be rows between two stray quotation marks: each one counts.
        rejected = [
            Rejected.of(line + number, reason, self._shown(row))
            for place, reason in sorted(faults.items())
            for number, row in rows.numbered(place)
        ]
        good = kept.copy()
        good[list(faults)] = False
        merged = good & rows.run_together(self._dialect, len(self._head.names))
        together = tuple((line + rows.lines[merged]).tolist())
        batch = self._own(batch).filter(pa.array(good[kept]))
        lines = line + rows.lines[good]
        return Block(
            self._path, self._part, line, batch, tuple(rejected), lines, together=together
        ).checked()

    def _is_plain(self, text: bytes, rows: int) -> bool:
        """Whether each line is a row, and no mark is a sign that it should not be.

        Rows cannot be more than lines, as a return ends none by itself; so none is in two lines.
        """
        if rows != text.count(b"\n") or not text.endswith(b"\n") or b"\0" in text:
            return False
        if b"\r" in text and text.count(b"\r") != text.count(b"\r\n"):
            return False
        quote, escape = self._dialect.quote, self._dialect.escape
        if quote is None or quote not in text:
            return True
        escaped = escape is None and b"\\" in text and b"\\" + quote in text
        return text.count(quote) % 2 == 0 and not escaped

    def _ends(self, batch: pa.RecordBatch) -> np.ndarray:
        """Returns [n] bool: whether nothing is behind a delimiter at the end of a row."""
        if self._head.tail is None:
            return np.ones(batch.num_rows, bool)
        return np.asarray(batch[self._head.tail].is_null())

    def _own(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Returns the columns that are asked for, with delimiters in cells as they were."""
        batch = batch.select(self._head.columns)
        if len(self._config.delimiter.encode()) == 1 or self._dialect.quote is None:
            return batch
        separator = UNIT_SEPARATOR.decode()
        cells = [
            pc.replace_substring(column, separator, self._config.delimiter)
            for column in batch.columns
        ]
        return pa.RecordBatch.from_arrays(cells, batch.schema.names)

    def _read(self, text: bytes, kind: pa.DataType, ragged: list | None) -> pa.RecordBatch:
        """Reads cells; rows of a wrong number of columns are an error, or else collected."""
        marks = (self._dialect.quote, self._dialect.escape)
        several = any(mark in text for mark in marks if mark)
        alone = several or ragged is not None

        def skip(row: pyarrow.csv.InvalidRow) -> str:
            if ragged is None:
                return "error"
            ragged.append((row.number, row.text))
            return "skip"

        columns = [*self._head.columns, *filter(None, [self._head.tail])]
        table = pyarrow.csv.read_csv(
            pa.BufferReader(text),
            pyarrow.csv.ReadOptions(
                block_size=len(text) + 1 if alone else _CHUNK_BYTES,
                column_names=self._head.names,
                use_threads=ragged is None,
            ),
            pyarrow.csv.ParseOptions(
                delimiter=self._dialect.delimiter.decode(),
                quote_char=self._config.quote or False,
                escape_char=self._config.escape or False,
                newlines_in_values=several,
                invalid_row_handler=skip,
            ),
            pyarrow.csv.ConvertOptions(
                include_columns=columns,
                column_types=dict.fromkeys(columns, kind),
                strings_can_be_null=True,
                null_values=[""],
            ),
        )
        return one_batch(table)

    def _shown(self, row: bytes) -> str:
        text = row.rstrip(b"\r").replace(UNIT_SEPARATOR, self._config.delimiter.encode())
        return text.decode(errors="replace")


def _null(dialect: Dialect) -> re.Pattern[bytes] | None:
    r"""Matches a cell `\N`: behind an escape, N is no letter, but MySQL's missing cell."""
    if dialect.escape is None:
        return None
    escape, delimiter = re.escape(dialect.escape), re.escape(dialect.delimiter)
    edge = rb"[" + delimiter + rb"\r\n]"
    return re.compile(
        rb"(\A|(?<!" + escape + rb")" + edge + rb")" + escape + rb"N(?=" + edge + rb"|\Z)"
    )
