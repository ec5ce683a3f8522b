"""What a source of a log yields: some raw rows, and where they came from."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from components.behavior_example_gen.config import Table

RAGGED = "row: wrong number of columns"
NOT_UTF8 = "row: not utf-8 text, see csv.encoding"
_LONGEST_TEXT = 1000  # characters


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
      table: the table that the rows are of.
    """

    origin: str
    part: int
    first: int
    batch: pa.RecordBatch
    rejected: tuple[Rejected, ...] = ()
    lines: np.ndarray | None = None
    table: Table = "log"

    def numbers(self) -> np.ndarray:
        """Returns [batch.num_rows] int64: the number of each row."""
        if self.lines is not None:
            return self.lines
        return np.arange(self.first, self.first + self.batch.num_rows)
