"""What a user should know of a log's rows that are kept: beside the reasons of the dropped ones."""

from __future__ import annotations

import collections
import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_example_gen.cells.likely import unusual
from components.behavior_example_gen.cells.parse import decimals, leading_zeros, rounded

_SHOWN = 12  # other values that are named where a wanted one is nowhere
_DAY = 86_400 * 1_000_000_000


@dataclasses.dataclass(frozen=True)
class Values:
    """How many rows have each of the wanted values of a column, and which others there are.

    Attributes:
      rows: numbers of rows by wanted value.
      others: the least of the other values, `_SHOWN` at most.
    """

    rows: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    others: tuple[str, ...] = ()

    @classmethod
    def of(cls, texts: pa.Array, wanted: Sequence[str]) -> Values:
        """Counts the values of some rows, [n] string."""
        counted = pc.value_counts(texts.drop_null())
        rows = {str(pair["values"]): pair["counts"].as_py() for pair in counted}
        asked = collections.Counter({v: rows.pop(v, 0) for v in dict.fromkeys(wanted)})
        return cls(asked, tuple(sorted(rows)[:_SHOWN]))

    def __add__(self, other: Values) -> Values:
        rows = collections.Counter(self.rows)
        rows.update(other.rows)  # keeps those that no row has
        return Values(rows, tuple(sorted({*self.others, *other.others})[:_SHOWN]))


@dataclasses.dataclass(frozen=True)
class Span:
    """The times of some rows.

    Attributes:
      rows: how many.
      first, last: nanoseconds since 1970, or the numbers of an order.
      clock: whether they are times, and not an order.
      unusual: how many times are not between 1990 and now.
    """

    rows: int
    first: int
    last: int
    clock: bool
    unusual: int = 0

    @classmethod
    def of(cls, times: pa.Array, clock: bool) -> Span | None:
        """The span of times as `to_time` returns them; None without any."""
        if not len(times):
            return None
        values = times.to_numpy()
        odd = unusual(values) if clock else 0
        return cls(len(values), int(values.min()), int(values.max()), clock, odd)

    def __add__(self, other: Span) -> Span:
        first, last = min(self.first, other.first), max(self.last, other.last)
        odd = self.unusual + other.unusual
        return Span(self.rows + other.rows, first, last, self.clock, odd)

    def to_dict(self) -> dict[str, Any]:
        """Returns `first`, `last`, and of times `events_per_day`, of one day at least."""
        if not self.clock:
            return {"first": self.first, "last": self.last}
        days = max(1.0, (self.last - self.first) / _DAY)
        return {
            "first": iso(self.first),
            "last": iso(self.last),
            "events_per_day": round(self.rows / days, 1),
        }


@dataclasses.dataclass
class Notes:
    """Adds up over blocks.

    Attributes:
      missing: rows without a cell that they may lack, by column; of those that `clean` keeps.
      zeros: ids that lost the zeros before their number, by key of the column.
      decimals: ids of text that are whole numbers with a decimal point, likewise.
      rounded: ids that a spreadsheet rounded, likewise.
      values: of the column that `label.positives` is about.
      repeated: rows of a joined table, or of a file of vectors, whose key came before, by name.
      valued: items that have a value of a feature in training rows, by feature.
      differing: those of them that have several.
    """

    missing: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    zeros: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    decimals: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    rounded: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    values: Values = dataclasses.field(default_factory=Values)
    repeated: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    valued: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    differing: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    def look_at(self, key: str, cells: pa.Array, kind: str) -> None:
        """Counts the ids of a column, of type "int" or "string", that may be others than meant."""
        for found, count in (
            (self.zeros, leading_zeros(cells) if kind == "int" else 0),
            (self.decimals, decimals(cells) if kind == "string" else 0),
            (self.rounded, rounded(cells)),
        ):
            if count:
                found[key] += count

    def __add__(self, other: Notes) -> Notes:
        return Notes(
            self.missing + other.missing,
            self.zeros + other.zeros,
            self.decimals + other.decimals,
            self.rounded + other.rounded,
            self.values + other.values,
            self.repeated | other.repeated,  # every worker that joins a table says the same of it
            self.valued + other.valued,
            self.differing + other.differing,
        )


def iso(nanoseconds: int) -> str:
    """Returns a time in ISO 8601, to the microsecond, in UTC."""
    since = datetime.timedelta(microseconds=nanoseconds // 1_000)
    return (datetime.datetime(1970, 1, 1) + since).isoformat() + "Z"
