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

from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.log_config import CsvConfig
from components.behavior_example_gen.sources.block import NOT_UTF8, RAGGED, Block, Rejected
from components.behavior_example_gen.sources.files import check_columns, open_unpacked

_BLOCK_BYTES = 8 << 20
_CHUNK_BYTES = 1 << 20  # of a block, parsed at a time
_LONGEST_ROW = 64 << 20
_UNIT_SEPARATOR = b"\x1f"  # stands for a delimiter of several characters


def csv_blocks(path: str, part: int, config: CsvConfig, columns: Sequence[str]) -> Iterator[Block]:
    """Reads the columns of one text file, as text, in the order of the file."""
    with open_unpacked(path) as file:
        texts = _whole_rows(_decoded(file, config.encoding), config)
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
        ragged: list[tuple[int, str, bytes | str]] = []
        batch = self._read(text, pa.binary(), ragged)
        left_out = [number - 1 for number, *_ in ragged]
        places = np.delete(np.arange(batch.num_rows + len(ragged)), left_out)
        lines = line + self._begins(text, batch.num_rows + len(ragged))
        rejected = [Rejected.of(int(lines[n - 1]), RAGGED, self._shown(t)) for n, t in ragged]

        good = np.all([_is_utf8(column) for column in batch.columns], axis=0)
        for row in np.flatnonzero(~good):
            cells = (b"" if c is None else c for c in batch.slice(row, 1).to_pylist()[0].values())
            shown = b", ".join(cells).decode(errors="replace")
            rejected.append(Rejected.of(int(lines[places[row]]), NOT_UTF8, shown))
        kept = batch.filter(pa.array(good))
        strings = pa.schema([(name, pa.string()) for name in self._columns])
        return Block(
            path, part, line, kept.cast(strings), tuple(sorted(rejected)), lines[places[good]]
        )

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
        batches = table.combine_chunks().to_batches()
        return batches[0] if batches else pa.RecordBatch.from_pylist([], table.schema)

    def _begins(self, text: bytes, rows: int) -> np.ndarray:
        """Finds the lines on which rows begin: [rows] int64, from 0."""
        lengths = np.array([len(line.rstrip(b"\r")) for line in text.split(b"\n")])
        begins = lengths > 0
        if self._config.quote is not None and (quote := self._config.quote.encode()) in text:
            quotes = np.array([line.count(quote) for line in text.split(b"\n")])
            inside = np.cumsum(quotes) % 2 == 1
            begins &= ~np.append(False, inside[:-1])
        found = np.flatnonzero(begins)
        # Where a stray quotation mark misleads this count, numbers are those of rows, not of lines.
        return found if len(found) == rows else np.arange(rows)

    def _shown(self, text: str) -> str:
        return text.replace(_UNIT_SEPARATOR.decode(), self._config.delimiter)


def _names(path: str, head: bytes, config: CsvConfig) -> list[str]:
    line = head.partition(b"\n")[0].rstrip(b"\r").decode(errors="replace")
    if not line:
        raise LogError(f"{path}: the file is empty. Remove it, or write it again.")
    quoting = csv.QUOTE_NONE if config.quote is None else csv.QUOTE_MINIMAL
    delimiter = _separator(config).decode()
    rows = csv.reader([line], delimiter=delimiter, quotechar=config.quote or '"', quoting=quoting)
    cells = next(rows)
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


def _whole_rows(chunks: Iterator[bytes], config: CsvConfig) -> Iterator[bytes]:
    """Cuts a text where no row is cut."""
    old, new = config.delimiter.encode(), _separator(config)
    rest = b""
    for chunk in chunks:
        rest += chunk
        end = _cut(rest, config.quote)
        if end:
            yield rest[:end].replace(old, new) if old != new else rest[:end]
            rest = rest[end:]
    if rest:
        yield rest.replace(old, new) if old != new else rest


def _cut(text: bytes, quote: str | None) -> int:
    """Returns behind which newline a text can be cut, 0 if nowhere.

    A newline between quotation marks is none: there, the number of marks before it is odd. Beyond
    the longest row that can be meant, a mark is taken for an ordinary character.
    """
    end = text.rfind(b"\n") + 1
    if quote is None or (mark := quote.encode()) not in text or len(text) > _LONGEST_ROW:
        return end
    marks = text.count(mark, 0, end)
    while end and marks % 2:
        before = text.rfind(b"\n", 0, end - 1) + 1
        marks -= text.count(mark, before, end)
        end = before
    return end


def _is_utf8(column: pa.Array) -> np.ndarray:
    """Returns [n] bool: whether a cell, or its absence, is valid UTF-8."""
    try:
        column.cast(pa.string())
        return np.ones(len(column), bool)
    except pa.ArrowInvalid:
        return np.array([_decodes(cell) for cell in column.to_pylist()], bool)


def _decodes(cell: bytes | None) -> bool:
    try:
        return cell is None or cell.decode() is not None
    except UnicodeDecodeError:
        return False
