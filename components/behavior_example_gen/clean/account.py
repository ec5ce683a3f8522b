"""What became of every row of the log, and whether that can be trained on."""

from __future__ import annotations

import collections
import dataclasses
import heapq
import json
import operator
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import apache_beam as beam

from components.behavior_example_gen.cells.parse import NO_INTEGER, TOO_LONG
from components.behavior_example_gen.clean.notes import Notes, Span
from components.behavior_example_gen.config.ingest_config import (
    SPLITS,
    IngestConfig,
    Table,
    section,
)
from components.behavior_example_gen.read.block import table_of
from components.behavior_example_gen.row import shortened

SAMPLES = 20  # rows of each reason that are put into quarantine
_HINTS = {  # by what is wrong; `section` is the table's, `part` what the column holds
    "neither 0 nor 1": "`{label}.positives` names other values, `{label}.at_least` a number",
    "neither a number nor ISO 8601": "`{section}.columns.{part}.format` says how it is written",
    "not a number": "one is written 1234.5, without a currency and without commas",
    "not a JSON object": "an object a line and nothing else: with jq, `-c .`, of an array "
    "`-c '.[]'`",
    TOO_LONG: "`{section}.columns.{part}.type: string` takes any id",
    NO_INTEGER: "`{section}.columns.{part}.type: string` takes any text",
    f"{NO_INTEGER} of time": "an order is of whole numbers; a time needs no `unit: order`",
    f"{NO_INTEGER} of text": "of a typed file, fractions are values only if they are texts",
    "not utf-8 text": "of a text file, `{section}.csv.encoding` says what it is",
    "quotation marks that do not match": "see `{section}.csv.escape` and `{section}.csv.quote`",
}


class Known(NamedTuple):
    """Of how many targets a label is known, and for how many of them it is 1."""

    known: int = 0
    positives: int = 0

    def __add__(self, other: Known) -> Known:  # type: ignore[override]
        return Known(self.known + other.known, self.positives + other.positives)


_OF_SPLIT = ("examples", "targets", "users", "positives")


class Sample(NamedTuple):
    """A dropped row: the part of the log that it is in, its number there, and its cells."""

    part: int
    number: int
    row: dict[str, str] | str


@dataclasses.dataclass
class Counts:
    """Numbers of rows, users, targets and examples; adds up over blocks and shards.

    Attributes:
      rows: rows of the log.
      rows_kept: rows that were used. `rows - rows_kept` is the sum of `dropped`, but for targets.
      users: users with a row that was used.
      dropped: numbers of rows by reason; of targets, if the reason begins with "target: ".
      splits: for each split, the number of `examples`, `targets`, `users` and `positives`.
      known: by joined table, rows whose item or user it knows.
      samples: the first rows of the log that were dropped by each reason, at most `SAMPLES`.
      origins: names of the parts of the log, by number.
      found: for each table and column, how many blocks have it; 0: no row does.
      kinds: for each table and column, a file of each kind of values that it holds.
      spans: the times of the rows that `clean` keeps, by table.
      readings: as `likely.readings`, by table and by how the configuration reads; of blocks whose
        times are not all as they should be.
      notes: what else a user should know.
      items: items that are in the split of items.
      labels: by split and name, of the labels beside the primary one.
      weighted: by split, the targets whose weight is above 0, if targets have weights.
      held_out: first second of a target that does not train, None without one.
    """

    rows: int = 0
    rows_kept: int = 0
    users: int = 0
    dropped: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    splits: dict[str, collections.Counter[str]] = dataclasses.field(
        default_factory=lambda: {name: collections.Counter() for name in SPLITS}
    )
    known: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    samples: dict[str, list[Sample]] = dataclasses.field(default_factory=dict)
    origins: dict[int, str] = dataclasses.field(default_factory=dict)
    found: dict[tuple[Table, str], int] = dataclasses.field(default_factory=dict)
    kinds: dict[tuple[str, str], dict[str, str]] = dataclasses.field(default_factory=dict)
    spans: dict[Table, Span] = dataclasses.field(default_factory=dict)
    readings: dict[tuple[Table, str], collections.Counter[str]] = dataclasses.field(
        default_factory=dict
    )
    notes: Notes = dataclasses.field(default_factory=Notes)
    items: int = 0
    held_out: int | None = None
    labels: dict[str, dict[str, Known]] = dataclasses.field(default_factory=dict)
    weighted: dict[str, Known] = dataclasses.field(default_factory=dict)

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.rows + other.rows,
            self.rows_kept + other.rows_kept,
            self.users + other.users,
            self.dropped + other.dropped,
            {name: self.splits[name] + other.splits[name] for name in SPLITS},
            self.known + other.known,
            _merge(self.samples, other.samples, _first_samples),
            self.origins | other.origins,
            _merge(self.found, other.found, operator.add),
            _merge(self.kinds, other.kinds, _first_files),
            _merge(self.spans, other.spans, operator.add),
            _merge(self.readings, other.readings, operator.add),
            self.notes + other.notes,
            self.items + other.items,
            min((c.held_out for c in (self, other) if c.held_out is not None), default=None),
            _merge(self.labels, other.labels, lambda a, b: _merge(a, b, operator.add)),
            _merge(self.weighted, other.weighted, operator.add),
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns plain numbers, the most frequent reasons first."""
        return {
            "rows": self.rows,
            "rows_kept": self.rows_kept,
            "users": self.users,
            "times": {table: span.to_dict() for table, span in self.spans.items()},
            "missing": dict(self.notes.missing),
            "dropped": dict(sorted(self.dropped.items(), key=lambda item: (-item[1], item[0]))),
            "splits": {
                name: {key: counter[key] for key in _OF_SPLIT}
                for name, counter in self.splits.items()
            },
            **({"labels": self._of_labels()} if self.labels else {}),
            **({"weighted": _plain(self.weighted)} if self.weighted else {}),
        }

    def _of_labels(self) -> dict[str, dict[str, dict[str, int]]]:
        return {split: _plain(labels) for split, labels in self.labels.items()}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Counts:
        """Reads the numbers that `to_dict` returned."""
        return cls(
            plain["rows"],
            plain["rows_kept"],
            plain["users"],
            collections.Counter(plain["dropped"]),
            {name: collections.Counter(counter) for name, counter in plain["splits"].items()},
            notes=Notes(missing=collections.Counter(plain["missing"])),
            labels={split: _known(labels) for split, labels in plain.get("labels", {}).items()},
            weighted=_known(plain.get("weighted", {})),
        )

    def table(self, config: IngestConfig) -> str:
        """Returns the reasons for which rows were dropped, one a line, each with an example."""
        lines = [f"  {self.rows:>12,}  rows in the log"]
        for reason, count in self.to_dict()["dropped"].items():
            sample = next(iter(self.samples.get(reason, [])), None)
            told = f"  {count:>12,}  {reason}"
            if sample:
                told += f", first at {self.origins[sample.part]}:{sample.number}"
                part, _, fault = reason.partition(": ")
                if isinstance(sample.row, dict):
                    columns = config.columns_of(part).intersection(sample.row)
                    cells = [sample.row[name] for name in sorted(columns)]
                    told += "".join(f", {shortened(cell)!r}" for cell in cells)
                key = section(table_of(sample.part))
                if fault == NO_INTEGER and not _is_int(part, sample.part, config):
                    fault += " of time" if part == "time" else " of text"
                if hint := _HINTS.get(fault):
                    label = part.replace("label ", "labels.")  # of one beside the primary one
                    told += f"; {hint.format(section=key, part=part, label=label)}"
            lines.append(told)
        return "\n".join(lines)

    def quarantine(self) -> str:
        """Returns the sampled rows as JSON lines: `file`, `line`, `reason` and `row`.

        Lines are those of a text editor, from 1; of a source that is no text, numbers of rows.
        """
        sampled = [(sample, reason) for reason, rows in self.samples.items() for sample in rows]
        return "".join(
            json.dumps(
                {
                    "file": self.origins[row.part],
                    "line": row.number,
                    "reason": reason,
                    "row": row.row,
                },
                ensure_ascii=False,
            )
            + "\n"
            for row, reason in sorted(sampled, key=lambda pair: (pair[0][:2], pair[1]))
        )


class CombineCounts(beam.CombineFn):
    """Adds `Counts` up."""

    def create_accumulator(self) -> Counts:
        return Counts()

    def add_input(self, counts: Counts, more: Counts) -> Counts:
        return counts + more

    def merge_accumulators(self, accumulators: Iterable[Counts]) -> Counts:
        return sum(accumulators, Counts())

    def extract_output(self, counts: Counts) -> Counts:
        return counts


def _is_int(part: str, number: int, config: IngestConfig) -> bool:
    """Whether the ids of a column, in a part of the log, are configured as integers."""
    columns = config.mapping(table_of(number)).ids() | {"request": config.request}
    column = columns.get(part)
    return column is not None and column.type == "int"


def _plain(found: Mapping[str, Known]) -> dict[str, dict[str, int]]:
    return {name: known._asdict() for name, known in found.items()}


def _known(plain: Mapping[str, Mapping[str, int]]) -> dict[str, Known]:
    return {name: Known(**numbers) for name, numbers in plain.items()}


def _merge(one: dict[Any, Any], other: dict[Any, Any], join: Any) -> dict[Any, Any]:
    return one | {key: join(one[key], more) if key in one else more for key, more in other.items()}


def _first_samples(one: list[Sample], other: list[Sample]) -> list[Sample]:
    return heapq.nsmallest(SAMPLES, one + other, key=lambda sample: sample[:2])


def _first_files(one: dict[str, str], other: dict[str, str]) -> dict[str, str]:
    return _merge(one, other, min)
