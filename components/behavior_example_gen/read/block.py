"""What a source of a log yields: some raw rows, and where they came from."""

from __future__ import annotations

import dataclasses
import decimal
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_example_gen.cells.parse import is_list, to_lists
from components.behavior_example_gen.config.ingest_config import Table

RAGGED = "row: wrong number of columns"
NOT_UTF8 = "row: not utf-8 text"
ZERO = "row: holds a zero byte, as where a disk was full or a cell is padded"
UNMATCHED = "row: quotation marks that do not match"
NO_OBJECT = "row: not a JSON object"
UNEQUAL = "row: lists of different lengths"
_LONGEST_TEXT = 1000  # characters
# Impressions lie before the log: of equal times, an impression comes first and sees no behaviour.
_PARTS = 1 << 20


def table_of(part: int) -> Table:
    """Returns the table that a part of a log is of, as `Block.of` marked it."""
    return "log" if part >= 0 else "impressions"


class Rejected(NamedTuple):
    """A row that could not be cut into columns: its number, the reason and the head of its text."""

    number: int
    reason: str
    text: str

    @classmethod
    def of(cls, number: int, reason: str, text: str) -> Rejected:
        """Keeps no more of the text than a reader needs to find the row."""
        return cls(number, reason, text[:_LONGEST_TEXT])


@dataclasses.dataclass(frozen=True)
class Block:
    """Some adjacent rows of one part of a log, such as a file.

    Rows are numbered from 1; in a text, that is the number of the line on which a row begins, the
    header counted, as an editor shows it. A source that does not keep the order of its rows numbers
    them within the block, and says so in `origin`.

    Attributes:
      origin: path of the file, or another name of the source, for messages.
      part: place of that file in the log; rows of an earlier part come earlier.
      first: number of the first row.
      batch: the columns that were asked for, as text or typed.
      rejected: rows that are not in `batch`, by rising number.
      lines: [batch.num_rows] int64, the numbers of the rows, if they are not `first`, `first` + 1
        and so on.
      places: [batch.num_rows] int64, rising: the place of each row in its part, if that is not its
        number, as where one row of a file is many events.
      table: the table that the rows are of.
      absent: the columns that no row has, of a source whose rows name their own.
      together: the numbers of rows that may be several, which ran together at quotation marks.
      void: whether it stands for a file that holds nothing, be it a header.
    """

    origin: str
    part: int
    first: int
    batch: pa.RecordBatch
    rejected: tuple[Rejected, ...] = ()
    lines: np.ndarray | None = None
    places: np.ndarray | None = None
    table: Table = "log"
    absent: frozenset[str] = frozenset()
    together: tuple[int, ...] = ()
    void: bool = False

    @classmethod
    def nothing(cls, origin: str, part: int, columns: Sequence[str]) -> Block:
        """Returns the block of a file that holds nothing, as of a part of a log without rows."""
        batch = pa.RecordBatch.from_pydict({name: pa.array([], pa.string()) for name in columns})
        return cls(origin, part, 1, batch, void=True)

    def numbers(self) -> np.ndarray:
        """Returns [batch.num_rows] int64: the number of each row."""
        if self.lines is not None:
            return self.lines
        return np.arange(self.first, self.first + self.batch.num_rows)

    def order(self) -> np.ndarray:
        """Returns [batch.num_rows] int64: what orders the rows of a part."""
        return self.numbers() if self.places is None else self.places

    def of(self, table: Table) -> Block:
        """Returns the block as one of a table."""
        if table == "log":
            return self
        return dataclasses.replace(self, table=table, part=self.part - _PARTS)

    def checked(self) -> Block:
        """Returns the block with texts as strings; rows that hold anything else are rejected."""
        columns = [_plain(column) for column in self.batch.columns]
        utf8, zero = np.ones(self.batch.num_rows, bool), np.zeros(self.batch.num_rows, bool)
        for column in columns:
            texts = pc.list_flatten(column) if is_list(column.type) else column
            if pa.types.is_binary(texts.type):
                utf8[_owners(column, ~is_utf8(texts))] = False
                zero[_owners(column, _has_zero(texts))] = True
        good = utf8 & ~zero
        names = self.batch.schema.names
        batch, numbers = pa.RecordBatch.from_arrays(columns, names), self.numbers()
        rejected = list(self.rejected)
        for row in np.flatnonzero(~good):
            cells = [column[row].as_py() for column in columns]
            shown = ", ".join("" if cell is None else _shown(cell) for cell in cells)
            reason = ZERO if utf8[row] else NOT_UTF8
            rejected.append(Rejected.of(int(numbers[row]), reason, shown))
        kept = batch if good.all() else batch.filter(pa.array(good))
        strings = [
            column.cast(pa.string()) if pa.types.is_binary(column.type) else column
            for column in kept.columns
        ]
        return dataclasses.replace(
            self,
            batch=pa.RecordBatch.from_arrays(strings, names),
            rejected=tuple(sorted(rejected)),
            lines=self.lines if good.all() else numbers[good],
            places=self.places if self.places is None else self.places[good],
        )


def is_utf8(texts: pa.Array) -> np.ndarray:
    """Returns [n] bool: whether a binary cell, or its absence, is valid UTF-8."""
    try:
        texts.cast(pa.string())
        return np.ones(len(texts), bool)
    except pa.ArrowInvalid:  # which of them: search by halves
        half = len(texts) // 2
        if not half:
            return np.zeros(1, bool)
        return np.concatenate([is_utf8(texts[:half]), is_utf8(texts[half:])])


def _owners(column: pa.Array, marked: np.ndarray) -> np.ndarray:
    """Returns what picks the rows of the marked [n] bool texts: in lists, of the elements."""
    return pc.list_parent_indices(column).to_numpy()[marked] if is_list(column.type) else marked


def _has_zero(texts: pa.Array) -> np.ndarray:
    """Returns [n] bool: whether a binary cell holds a zero byte."""
    data = texts.buffers()[2]
    if data is None or not data.size or np.frombuffer(data, np.uint8).min():
        return np.zeros(len(texts), bool)
    return np.asarray(pc.match_substring(texts, "\0").fill_null(False))


def _plain(column: pa.Array) -> pa.Array:
    """Returns a column without a dictionary, decimals as text, and texts of any kind as binary.

    Of lists, their elements likewise.
    """
    if is_list(column.type):
        sizes = pc.list_value_length(column).fill_null(0).to_numpy()
        return to_lists(sizes, _plain(pc.list_flatten(column)))
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_decimal(column.type):  # exact: 12.00 is 12
        column = pc.replace_substring_regex(_digits(column), r"\.0*$|(\.\d*?)0+$", r"\1")
    kind = column.type
    texts = (
        pa.types.is_string, pa.types.is_large_string, pa.types.is_large_binary,
        pa.types.is_fixed_size_binary,
    )  # fmt: skip
    views = (pa.types.is_string_view, pa.types.is_binary_view)
    return column.cast(pa.binary()) if any(is_(kind) for is_ in texts + views) else column


def _digits(decimals: pa.Array) -> pa.Array:
    """Returns decimals as texts without exponents, which Arrow gives small ones: 0E-10 is 0."""
    text = decimals.cast(pa.string())
    marked = pc.match_substring(text, "E").fill_null(False)
    if not pc.any(marked).as_py():
        return text
    found = text.filter(marked).dictionary_encode()
    plain = pa.array([format(decimal.Decimal(cell), "f") for cell in found.dictionary.to_pylist()])
    return pc.replace_with_mask(text, marked, plain.take(found.indices))


def _shown(cell: object) -> str:
    return cell.decode(errors="replace") if isinstance(cell, bytes) else str(cell)
