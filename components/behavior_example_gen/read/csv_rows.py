"""Where the rows of a text begin, found without the parser, so that none can vanish unseen.

A quotation mark opens a cell only at its beginning, and closes it at the next mark that is neither
escaped nor doubled; what follows up to the delimiter is plain text. Between the marks, and behind
an escape, a line end ends no row.
"""

from __future__ import annotations

import dataclasses
import functools
import re

import numpy as np

_NEWLINE, _RETURN = ord("\n"), ord("\r")


@dataclasses.dataclass(frozen=True)
class Dialect:
    """How a text is cut, in bytes.

    Attributes:
      delimiter: one byte between two cells.
      quote: quotation mark, if any has a meaning.
      escape: what takes the meaning from the byte behind it, if anything does.
    """

    delimiter: bytes
    quote: bytes | None
    escape: bytes | None

    @functools.cached_property
    def special(self) -> re.Pattern[bytes]:
        """Matches an escaped byte, or a cell in quotation marks; its closing one may be missing."""
        assert self.quote is not None, "only text with marks is searched for them"
        delimiter, quote = re.escape(self.delimiter), re.escape(self.quote)
        escape = re.escape(self.escape or b"")
        escaped = [escape + b"."] if escape else []
        inside = b"|".join([b"[^" + quote + escape + b"]++", quote + quote, *escaped])
        opens = b"(?:\\A|[" + delimiter + b"\n\r])"
        quoted = opens + b"(" + quote + b"(?:" + inside + b")*+)(" + quote + b"?)"
        return re.compile(b"|".join([*escaped, quoted]), re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Rows:
    """The rows of a text.

    Attributes:
      text: the text, which begins with a row.
      begins: [n] int64, rising: the byte with which each row begins; blank lines are none.
      lines: [n] int64: the line, from 0, on which it begins.
      unmatched: [n] bool: whether it has a mark that opens a cell and none that plainly closes it,
        as where marks are escaped, and `escape` does not say so.
    """

    text: bytes
    begins: np.ndarray
    lines: np.ndarray
    unmatched: np.ndarray

    def run_together(self, dialect: Dialect, width: int) -> np.ndarray:
        """Returns [n] bool: rows of several lines, each of which has the delimiters of a whole row.

        So it is where a mark that means nothing opens a cell, and the next such mark, in a row
        behind it, closes that: in a cell that is meant, lines are hardly ever so. `width` is the
        number of columns.
        """
        if not len(self.begins):
            return np.zeros(0, bool)
        data = np.frombuffer(self.text, np.uint8)
        begins = np.append(0, np.flatnonzero(data == _NEWLINE) + 1)
        begins = begins[begins < len(data)]
        marks = np.add.reduceat(data == ord(dialect.delimiter), begins, dtype=np.int64)
        filled = (data[begins] != _NEWLINE) & (data[begins] != _RETURN)
        odd = filled & (marks != width - 1)
        lines, odds = (np.add.reduceat(x, self.lines, dtype=np.int64) for x in (filled, odd))
        return (lines > 1) & (odds == 0)

    def numbered(self, row: int) -> list[tuple[int, bytes]]:
        """Returns the lines of a row that are not blank, with their numbers from 0."""
        ends = self.begins[row + 1] if row + 1 < len(self.begins) else len(self.text)
        lines = self.text[self.begins[row] : ends].split(b"\n")
        return [(int(self.lines[row]) + i, line) for i, line in enumerate(lines) if line.strip()]


def find_rows(text: bytes, dialect: Dialect) -> Rows:
    """Finds the rows of a text that begins with one."""
    data = np.frombuffer(text, np.uint8)
    newlines = np.flatnonzero(data == _NEWLINE)
    ends = newlines
    if b"\r" in text:
        ends = np.flatnonzero((data == _NEWLINE) | (data == _RETURN))
    escaped = _escaped(data, dialect.escape)
    unmatched: list[int] = []
    if dialect.quote is None or dialect.quote not in text:
        first = last = np.zeros(0, np.int64)
    elif (cells := _plain_cells(data, dialect, escaped)) is not None:
        first, last = cells
    else:
        first, last, unmatched = _cells(text, dialect)
    ends = ends[~escaped[ends]]
    if len(first):
        cell = np.searchsorted(first, ends, "right") - 1
        ends = ends[(cell < 0) | (ends >= last[cell])]
    begins = np.append(0, ends + 1)
    begins = begins[begins < len(data)]
    begins = begins[(data[begins] != _NEWLINE) & (data[begins] != _RETURN)]
    flags = np.zeros(len(begins), bool)
    flags[np.searchsorted(begins, np.array(unmatched, np.int64), "right") - 1] = True
    return Rows(text, begins, np.searchsorted(newlines, begins), flags)


def _escaped(data: np.ndarray, escape: bytes | None) -> np.ndarray:
    """Returns [n] bool: whether an escape before it takes the meaning from a byte."""
    escaped = np.zeros(len(data) + 1, bool)
    if escape is not None:
        found = np.flatnonzero(data == ord(escape))
        place = np.arange(len(found))
        run = np.maximum.accumulate(np.where(np.diff(found, prepend=-2) != 1, place, 0))
        escaped[found[(place - run) % 2 == 0] + 1] = True  # of several in a row, every second
    return escaped[:-1]


def _plain_cells(
    data: np.ndarray, dialect: Dialect, escaped: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns [n] int64 each, where cells in marks begin and end, if every mark is in its place.

    That is at the beginning or the end of a cell, or doubled. A doubled mark ends a cell here, and
    begins the next.
    """
    assert dialect.quote is not None, "only text with marks is searched for them"
    marks = np.flatnonzero(data == ord(dialect.quote))
    marks = marks[~escaped[marks]]
    if len(marks) % 2:
        return None
    opens, closes = marks[::2], marks[1::2]
    edge = np.zeros(256, bool)
    edge[[ord(dialect.delimiter), _NEWLINE, _RETURN]] = True
    before = (edge[data[opens - 1]] & ~escaped[opens - 1]) | (opens == 0)
    behind = edge[data[np.minimum(closes + 1, len(data) - 1)]] | (closes == len(data) - 1)
    doubled = closes[:-1] + 1 == opens[1:]
    before[1:] |= doubled
    behind[:-1] |= doubled
    return (opens, closes + 1) if before.all() and behind.all() else None


def _cells(text: bytes, dialect: Dialect) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Returns where cells in marks begin and end, and where those begin that do not match."""
    first, last, unmatched = [], [], []
    behind = (dialect.delimiter, b"\n", b"\r", b"")
    for found in dialect.special.finditer(text):
        if found.lastindex is None:  # an escaped byte
            continue
        begin, end = found.start(1), found.end()
        several = text.find(b"\n", begin, end) >= 0 or text.find(b"\r", begin, end) >= 0
        if several:
            first.append(begin)
            last.append(end)
        escaped = dialect.escape is None and text[end - 2 : end - 1] == b"\\"
        if not found[2] or (text[end : end + 1] not in behind and (several or escaped)):
            unmatched.append(begin)
    return np.array(first, np.int64), np.array(last, np.int64), unmatched
