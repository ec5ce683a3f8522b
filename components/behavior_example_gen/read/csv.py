"""Reads text files in blocks of Arrow, every row with the number of its line.

A file is cut into blocks of whole rows here, and not by Arrow's own streaming reader, which cannot
say where the rows are that it leaves out.
"""

from __future__ import annotations

import codecs
import csv
import functools
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv

from components.behavior_example_gen.config.log_config import CsvConfig
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read.block import RAGGED, Block, Rejected
from components.behavior_example_gen.read.files import check_columns, open_unpacked
from components.behavior_example_gen.tables import one_batch

_BLOCK_BYTES = 8 << 20
_CHUNK_BYTES = 1 << 20  # of a block, parsed at a time
_LONGEST_ROW = 64 << 20
_HEAD_BYTES = 1 << 12  # in which a file that is no text shows it
_UNIT_SEPARATOR = b"\x1f"  # stands for a delimiter of several characters


def csv_blocks(path: str, part: int, config: CsvConfig, columns: Sequence[str]) -> Iterator[Block]:
    """Reads the columns of one text file, as text, in the order of the file."""
    with open_unpacked(path) as file:
        texts = _whole_rows(path, _decoded(file, config.encoding), config)
        head = next(texts, b"")
        names = _names(path, head, config)
        check_columns(path, columns, names)
        line = 1
        if config.header is None:
            head, line = head.partition(b"\n")[2], 2
        parser = _Parser(config, names, columns)
        while head or (head := next(texts, b"")):
            yield parser.parse(head, path, part, line)
            line += head.count(b"\n")
            head = b""


class _Parser:
    """Parses blocks of whole rows."""

    def __init__(self, config: CsvConfig, names: list[str], columns: Sequence[str]):
        self._config, self._names, self._columns = config, names, list(columns)

    def parse(self, text: bytes, path: str, part: int, line: int) -> Block:
        """Parses some rows; `line` is the number of the first one's."""
        try:
            batch = self._read(text, pa.string(), None)
        except pa.ArrowInvalid:  # a faulty row: look for it
            return self._with_faults(text, path, part, line)
        lines = None
        if batch.num_rows != text.count(b"\n") + (not text.endswith(b"\n")):
            lines = line + self._begins(text, batch.num_rows)
        return Block(path, part, line, batch, (), lines)

    def _with_faults(self, text: bytes, path: str, part: int, line: int) -> Block:
        ragged: list[tuple[int, str]] = []
        batch = self._read(text, pa.binary(), ragged)
        lines = line + self._begins(text, batch.num_rows + len(ragged))
        # A row of several lines may be rows between two stray quotation marks: each one counts.
        rejected = [
            Rejected.of(int(lines[number - 1]) + place, RAGGED, self._shown(row))
            for number, rows in ragged
            for place, row in enumerate(rows.split("\n"))
            if row.strip()
        ]
        lines = np.delete(lines, [number - 1 for number, _ in ragged])
        return Block(path, part, line, batch, tuple(rejected), lines).checked()

    def _read(self, text: bytes, kind: pa.DataType, ragged: list | None) -> pa.RecordBatch:
        """Reads cells; rows of a wrong number of columns are an error, or else collected."""
        config = self._config
        quoted = config.quote is not None and config.quote.encode() in text
        alone = quoted or ragged is not None

        def skip(row: pyarrow.csv.InvalidRow) -> str:
            if ragged is None:
                return "error"
            ragged.append((row.number, row.text))
            return "skip"

        table = pyarrow.csv.read_csv(
            pa.BufferReader(text),
            pyarrow.csv.ReadOptions(
                block_size=len(text) + 1 if alone else _CHUNK_BYTES,
                column_names=self._names,
                use_threads=ragged is None,
            ),
            pyarrow.csv.ParseOptions(
                delimiter=_separator(config).decode(),
                quote_char=config.quote or False,
                newlines_in_values=quoted,
                invalid_row_handler=skip,
            ),
            pyarrow.csv.ConvertOptions(
                include_columns=self._columns,
                column_types=dict.fromkeys(self._columns, kind),
                strings_can_be_null=True,
                null_values=[""],
            ),
        )
        return one_batch(table)

    def _begins(self, text: bytes, rows: int) -> np.ndarray:
        """Finds the lines on which rows begin: [rows] int64, from 0."""
        data = np.frombuffer(text, np.uint8)
        newlines = np.flatnonzero(data == ord("\n"))
        first, last = np.append(0, newlines + 1), np.append(newlines, len(data))
        lengths = last - first
        begins = lengths > 1
        begins[lengths == 1] = data[first[lengths == 1]] != ord("\r")
        if self._config.quote is not None:
            quotes = np.flatnonzero(data == ord(self._config.quote))
            begins &= np.searchsorted(quotes, first) % 2 == 0  # not between quotation marks
        found = np.flatnonzero(begins)
        # Where a stray quotation mark misleads this count, numbers are those of rows, not of lines.
        return found if len(found) == rows else np.arange(rows)

    def _shown(self, text: str) -> str:
        return text.replace(_UNIT_SEPARATOR.decode(), self._config.delimiter)


def _names(path: str, head: bytes, config: CsvConfig) -> list[str]:
    if b"\0" in head[:_HEAD_BYTES]:
        raise LogError(
            f"{path}: is no {config.encoding} text, as it holds zero bytes. Unpack it (or gzip it "
            f"and name it *.gz), set `log.format`, or set `csv.encoding`, for example to utf-16."
        )
    line = head.partition(b"\n")[0].rstrip(b"\r").decode(errors="replace")
    if not line:
        raise LogError(f"{path}: the file is empty. Remove it, or write it again.")
    quoting = csv.QUOTE_NONE if config.quote is None else csv.QUOTE_MINIMAL
    delimiter = _separator(config).decode()
    rows = csv.reader([line], delimiter=delimiter, quotechar=config.quote or '"', quoting=quoting)
    try:
        cells = next(rows)
    except csv.Error as fault:
        raise LogError(
            f"{path}: the first row cannot be read: {fault}. Write it as text whose lines end "
            f"with a newline."
        ) from fault
    if config.header is None:
        return cells
    if len(cells) != len(config.header):
        shown = line.replace(delimiter, config.delimiter)[:200]
        raise LogError(
            f"{path}: `csv.header` names {len(config.header)} columns, but the first row has "
            f"{len(cells)}: {shown!r}. Mend `csv.header` or `csv.delimiter` "
            f"({config.delimiter!r})."
        )
    return config.header


def _separator(config: CsvConfig) -> bytes:
    return config.delimiter.encode() if len(config.delimiter) == 1 else _UNIT_SEPARATOR


def _decoded(file: BinaryIO, encoding: str) -> Iterator[bytes]:
    """Yields the text as UTF-8, without a byte-order mark."""
    chunks = iter(functools.partial(file.read, _BLOCK_BYTES), b"")
    if codecs.lookup(encoding).name == "utf-8":
        first = next(chunks, b"")
        yield first.removeprefix(codecs.BOM_UTF8)
        yield from chunks
    else:
        for text in codecs.iterdecode(chunks, encoding):
            yield text.encode()


def _whole_rows(path: str, chunks: Iterator[bytes], config: CsvConfig) -> Iterator[bytes]:
    """Cuts a text where no row is cut.

    A quotation mark that is not closed before the end of the file, or within the longest row that
    can be meant, would take all rows behind it for one cell: its line is handed on alone.
    """
    old, new = config.delimiter.encode(), _separator(config)
    rest, chunk = b"", next(chunks, b"")
    while chunk or rest:
        rest += chunk or b"\n" * (not rest.endswith(b"\n"))
        end = _cut(rest, config.quote)
        if not end and (not chunk or len(rest) > _LONGEST_ROW):
            end = rest.find(b"\n") + 1
            if not end:
                raise LogError(
                    f"{path}: a row is longer than {_LONGEST_ROW >> 20} MiB. Write it as text, "
                    f"with a row a line."
                )
        if end:
            yield rest[:end].replace(old, new) if old != new else rest[:end]
            rest = rest[end:]
        chunk = next(chunks, b"")


def _cut(text: bytes, quote: str | None) -> int:
    """Returns behind which newline a text can be cut, 0 if nowhere.

    A newline between quotation marks is none: there, the number of marks before it is odd.
    """
    end = text.rfind(b"\n") + 1
    if quote is None or (mark := quote.encode()) not in text:
        return end
    marks = text.count(mark, 0, end)
    while end and marks % 2:
        before = text.rfind(b"\n", 0, text.rfind(mark, 0, end)) + 1
        marks -= text.count(mark, before, end)
        end = before
    return end
