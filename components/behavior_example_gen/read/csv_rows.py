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
        """Matches whatever a line end may lie in: an escaped byte, or a cell in quotation marks."""
        delimiter, quote = re.escape(self.delimiter), re.escape(self.quote or b"")
        escape = re.escape(self.escape or b"")
        escaped = [escape + b"."] if escape else []
        quoted = []
        if quote:
            inside = b"|".join([b"[^" + quote + escape + b"]++", quote + quote, *escaped])
            opens = b"(?:\\A|[" + delimiter + b"\n\r])"
            quoted = [opens + b"(" + quote + b"(?:" + inside + b")*+)(" + quote + b"?)"]
        return re.compile(b"|".join([*escaped, *quoted]) or b"(?!)", re.DOTALL)


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
    inside, unmatched = _cells(text, dialect)
    if inside:
        first, last = np.array(inside).T
        cell = np.searchsorted(first, ends, "right") - 1
        ends = ends[(cell < 0) | (ends >= last[cell])]
    begins = np.append(0, ends + 1)
    begins = begins[begins < len(data)]
    begins = begins[(data[begins] != _NEWLINE) & (data[begins] != _RETURN)]
    flags = np.zeros(len(begins), bool)
    flags[np.searchsorted(begins, np.array(unmatched, np.int64), "right") - 1] = True
    return Rows(text, begins, np.searchsorted(newlines, begins), flags)


def _cells(text: bytes, dialect: Dialect) -> tuple[list[tuple[int, int]], list[int]]:
    """Returns the ranges in which line ends do not count, and where marks do not match."""
    ranges, unmatched = [], []
    if not any(mark in text for mark in (dialect.quote, dialect.escape) if mark):
        return ranges, unmatched
    behind = (dialect.delimiter, b"\n", b"\r", b"")
    for found in dialect.special.finditer(text):
        begin, end = found.start(1 if found.lastindex else 0), found.end()
        several = text.find(b"\n", begin, end) >= 0 or text.find(b"\r", begin, end) >= 0
        if several:
            ranges.append((begin, end))
        if found.lastindex is None:  # an escaped byte
            continue
        escaped = dialect.escape is None and text[end - 2 : end - 1] == b"\\"
        if not found[2] or (text[end : end + 1] not in behind and (several or escaped)):
            unmatched.append(begin)
    return ranges, unmatched
