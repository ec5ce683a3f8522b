"""What a user should know of a log's rows that are kept: beside the reasons of the dropped ones."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_example_gen.cells import spellings
from components.behavior_example_gen.cells.likely import unusual
from components.behavior_example_gen.cells.parse import (
    accents,
    decimals,
    escaped,
    in_marks,
    integers,
    leading_zeros,
    of_several_lines,
    rounded,
)
from components.behavior_example_gen.cells.times import offsets
from components.behavior_example_gen.cells.unseen import unseen

_SHOWN = 12  # other values that are named where a wanted one is nowhere
_HOUR = 3_600 * 1_000_000_000
_DAY = 24 * _HOUR


@dataclasses.dataclass(frozen=True)
class Values:
    """How many rows have each of the wanted values of a column, and which others there are.

    Attributes:
      rows: numbers of rows by wanted value.
      others: the least of the other values, `_SHOWN` at most.
      near: those that differ from a wanted one by capitals or a `.0` only, likewise.
    """

    rows: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    others: tuple[str, ...] = ()
    near: tuple[str, ...] = ()

    @classmethod
    def of(cls, texts: pa.Array, wanted: Sequence[str]) -> Values:
        """Counts the values of some rows, [n] string."""
        counted = pc.value_counts(texts.drop_null())
        rows = {str(pair["values"]): pair["counts"].as_py() for pair in counted}
        asked = collections.Counter({v: rows.pop(v, 0) for v in dict.fromkeys(wanted)})
        others, like = sorted(rows), set(map(_folded, asked))
        near = (value for value in others if _folded(value) in like)
        return cls(asked, tuple(others[:_SHOWN]), tuple(near)[:_SHOWN])

    def __add__(self, other: Values) -> Values:
        rows = collections.Counter(self.rows)
        rows.update(other.rows)  # keeps those that no row has
        others, near = {*self.others, *other.others}, {*self.near, *other.near}
        return Values(rows, tuple(sorted(others)[:_SHOWN]), tuple(sorted(near)[:_SHOWN]))


def _folded(value: str) -> str:
    return value.casefold().removesuffix(".0")


@dataclasses.dataclass(frozen=True)
class Span:
    """The times of some rows.

    Attributes:
      rows: how many.
      first, last: nanoseconds since 1970, or the numbers of an order.
      clock: whether they are times, and not an order.
      unusual: how many times are not between 1990 and now.
      hourly: whether all of them are whole hours, as days are.
    """

    rows: int
    first: int
    last: int
    clock: bool
    unusual: int = 0
    hourly: bool = False

    @classmethod
    def of(cls, times: pa.Array, clock: bool) -> Span | None:
        """The span of times as `to_time` returns them; None without any."""
        if not len(times):
            return None
        values = times.to_numpy()
        odd = unusual(values) if clock else 0
        hourly = clock and not values[0] % _HOUR and not (values % _HOUR).any()
        return cls(len(values), int(values.min()), int(values.max()), clock, odd, hourly)

    def __add__(self, other: Span) -> Span:
        first, last = min(self.first, other.first), max(self.last, other.last)
        odd = self.unusual + other.unusual
        hourly = self.hourly and other.hourly
        return Span(self.rows + other.rows, first, last, self.clock, odd, hourly)

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


class Found(NamedTuple):
    """How many there are of something, and the least of them."""

    number: int
    example: str

    def __add__(self, other: Found) -> Found:  # type: ignore[override]
        return Found(self.number + other.number, min(self.example, other.example))


@dataclasses.dataclass
class Notes:
    """Adds up over blocks.

    Attributes:
      missing: rows without a cell that they may lack, by column; of those that `clean` keeps, less
        the duplicates among them.
      zeros: ids that lost the zeros before their number, by key of the column.
      decimals: ids of text that are whole numbers with a decimal point, likewise.
      integers: ids that are whole numbers without one, of text or typed, likewise; of those looked
        at.
      rounded: ids and times that a spreadsheet rounded, likewise.
      beside, within: ids of text whose accents are beside their letters, or within them,
        likewise; of those looked at.
      broken: ids of text that hold a line end, likewise.
      busiest: rows of the user who has most, and its id.
      values: of the columns that `positives` are about, by "label" or "label <name>".
      young: targets whose window has not ended, by label.
      repeated: rows of a joined table, or of a file of vectors, whose key came before, by name.
      valued: items that have a value of a feature in training rows, by feature.
      differing: those of them that have several.
      contradicting: targets of label 0 whose user, item and time another row has with label 1.
      alone: items whose value of a feature no other item has, and items that have one, by feature.
      separators: of the first cells of each block, as `cells.features.separators`, by feature.
      copies: rows whose value of a feature is the item's id, and rows looked at, by feature.
      unreadable: rows of a joined table whose number is none, and all of them, by feature.
      told: training rows whose item has a value of a feature, and all of them, by feature.
      unseen: ids of text with a character that does not show as what it is, by key of the column.
      ways: how whole numbers are written in ids of text, as `spellings`, likewise.
      capitals: how ids of text are written that may differ by capitals alone, likewise.
      empty: files that hold nothing, by key of the table.
      zoned, naive: times with an offset, and without one, by key of the column; of those looked at.
      marked: ids of text that have quotation marks around them, by key of the column.
      escaped: ids of text that hold a quotation mark behind a backslash, likewise.
      together: rows that may be several, which ran together, by key of the table.
      late: rows with a label that come more than an hour after the first row of their request, and
        all of them, by key of the column of requests.
      noughts: rows of the category 0, where those without a category are read as of it, by key.
    """

    missing: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    zeros: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    decimals: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    integers: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    rounded: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    beside: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    within: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    broken: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    busiest: tuple[int, str] = (0, "")
    values: dict[str, Values] = dataclasses.field(default_factory=dict)
    young: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    repeated: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    valued: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    differing: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    contradicting: int = 0
    alone: dict[str, tuple[int, int]] = dataclasses.field(default_factory=dict)
    separators: dict[str, collections.Counter[str]] = dataclasses.field(default_factory=dict)
    copies: dict[str, tuple[int, int]] = dataclasses.field(default_factory=dict)
    unreadable: dict[str, tuple[int, int]] = dataclasses.field(default_factory=dict)
    told: dict[str, tuple[int, int]] = dataclasses.field(default_factory=dict)
    unseen: dict[str, Found] = dataclasses.field(default_factory=dict)
    ways: dict[str, spellings.Spellings] = dataclasses.field(default_factory=dict)
    capitals: dict[str, spellings.Spellings] = dataclasses.field(default_factory=dict)
    empty: dict[str, Found] = dataclasses.field(default_factory=dict)
    marked: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    escaped: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    zoned: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    naive: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    together: dict[str, Found] = dataclasses.field(default_factory=dict)
    late: dict[str, tuple[int, int]] = dataclasses.field(default_factory=dict)
    noughts: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    def look_at(self, key: str, cells: pa.Array, kind: str) -> None:
        """Counts the ids of a column, of type "int" or "string", that may be others than meant."""
        beside, within = accents(cells) if kind == "string" else (0, 0)
        for found, count in (
            (self.beside, beside),
            (self.within, within),
            (self.zeros, leading_zeros(cells) if kind == "int" else 0),
            (self.decimals, decimals(cells) if kind == "string" else 0),
            (self.integers, integers(cells) if kind == "string" else 0),
            (self.rounded, rounded(cells)),
            (self.broken, of_several_lines(cells)),
            (self.marked, in_marks(cells)),
            (self.escaped, escaped(cells)),
        ):
            if count:
                found[key] += count
        cells_unseen = Found(*unseen(cells))
        if cells_unseen.number:
            self.unseen[key] = cells_unseen
        if kind == "string":
            for kept, ways in (
                (self.ways, spellings.spellings(cells)),
                (self.capitals, spellings.capitals(cells)),
            ):
                if ways:
                    kept[key] = ways

    def look_at_times(self, key: str, cells: pa.Array) -> None:
        """Counts the times of a column that a program rounded, and those with and without zone."""
        zoned, naive = offsets(cells)
        for found, count in (
            (self.rounded, rounded(cells)),
            (self.zoned, zoned),
            (self.naive, naive),
        ):
            if count:
                found[key] += count

    def __add__(self, other: Notes) -> Notes:
        none: collections.Counter[str] = collections.Counter()
        missing = collections.Counter(self.missing)
        missing.update(other.missing)  # keeps numbers below 0, of duplicates
        return Notes(
            missing,
            self.zeros + other.zeros,
            self.decimals + other.decimals,
            self.integers + other.integers,
            self.rounded + other.rounded,
            self.beside + other.beside,
            self.within + other.within,
            self.broken + other.broken,
            max(self.busiest, other.busiest),
            {
                part: self.values.get(part, Values()) + other.values.get(part, Values())
                for part in self.values | other.values
            },
            self.young + other.young,
            self.repeated | other.repeated,  # every worker that joins a table says the same of it
            self.valued + other.valued,
            self.differing + other.differing,
            self.contradicting + other.contradicting,
            _sums(self.alone, other.alone),
            {
                name: self.separators.get(name, none) + other.separators.get(name, none)
                for name in self.separators | other.separators
            },
            _sums(self.copies, other.copies),
            self.unreadable | other.unreadable,  # likewise
            self.told | other.told,  # known when the items are written, which happens once
            _joined(self.unseen, other.unseen, operator.add),
            _joined(self.ways, other.ways, spellings.joined),
            _joined(self.capitals, other.capitals, spellings.joined),
            _joined(self.empty, other.empty, operator.add),
            self.marked + other.marked,
            self.escaped + other.escaped,
            self.zoned + other.zoned,
            self.naive + other.naive,
            _joined(self.together, other.together, operator.add),
            _sums(self.late, other.late),
            self.noughts + other.noughts,
        )


def _sums(
    one: dict[str, tuple[int, int]], other: dict[str, tuple[int, int]]
) -> dict[str, tuple[int, int]]:
    return _joined(one, other, lambda a, b: (a[0] + b[0], a[1] + b[1]))


def _joined(one: dict[str, Any], other: dict[str, Any], join: Callable) -> dict[str, Any]:
    return one | {key: join(one[key], more) if key in one else more for key, more in other.items()}


def iso(nanoseconds: int) -> str:
    """Returns a time in ISO 8601, to the microsecond, in UTC."""
    since = datetime.timedelta(microseconds=nanoseconds // 1_000)
    return (datetime.datetime(1970, 1, 1) + since).isoformat() + "Z"
