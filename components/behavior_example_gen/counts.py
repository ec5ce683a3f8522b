"""What became of every row of the log, and whether that can be trained on."""

from __future__ import annotations

import collections
import dataclasses
import json
from collections.abc import Iterable
from typing import Any

import apache_beam as beam

from components.behavior_example_gen.clean import is_fault
from components.behavior_example_gen.config import SPLITS, IngestConfig
from components.behavior_example_gen.errors import LogError

_OF_SPLIT = ("examples", "targets", "users", "positives")


@dataclasses.dataclass
class Counts:
    """Numbers of rows, users, targets and examples; adds up over blocks and shards.

    Attributes:
      rows: rows of the log.
      rows_kept: rows that were used. `rows - rows_kept` is the sum of `dropped`, but for targets.
      users: users with a row that was used.
      dropped: numbers of rows by reason; of targets, if the reason begins with "target: ".
      splits: for each split, the number of `examples`, `targets`, `users` and `positives`.
    """

    rows: int = 0
    rows_kept: int = 0
    users: int = 0
    dropped: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    splits: dict[str, collections.Counter[str]] = dataclasses.field(
        default_factory=lambda: {name: collections.Counter() for name in SPLITS}
    )

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.rows + other.rows,
            self.rows_kept + other.rows_kept,
            self.users + other.users,
            self.dropped + other.dropped,
            {name: self.splits[name] + other.splits[name] for name in SPLITS},
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns plain numbers, the most frequent reasons first."""
        return {
            "rows": self.rows,
            "rows_kept": self.rows_kept,
            "users": self.users,
            "dropped": dict(self.dropped.most_common()),
            "splits": {
                name: {key: counter[key] for key in _OF_SPLIT}
                for name, counter in self.splits.items()
            },
        }

    @classmethod
    def from_json(cls, text: str) -> Counts:
        """Reads what `json.dumps(counts.to_dict())` wrote."""
        plain = json.loads(text)
        return cls(
            plain["rows"],
            plain["rows_kept"],
            plain["users"],
            collections.Counter(plain["dropped"]),
            {name: collections.Counter(counter) for name, counter in plain["splits"].items()},
        )

    def table(self) -> str:
        """Returns the reasons for which rows were dropped, one a line."""
        lines = [f"  {count:>12,}  {reason}" for reason, count in self.dropped.most_common()]
        return "\n".join([f"  {self.rows:>12,}  rows in the log", *lines])


class CombineCounts(beam.CombineFn):
    """Adds `Counts` up, into JSON."""

    def create_accumulator(self) -> Counts:
        return Counts()

    def add_input(self, counts: Counts, more: Counts) -> Counts:
        return counts + more

    def merge_accumulators(self, accumulators: Iterable[Counts]) -> Counts:
        return sum(accumulators, Counts())

    def extract_output(self, counts: Counts) -> str:
        return json.dumps(counts.to_dict())


def check_rows(counts: Counts, config: IngestConfig) -> None:
    """Refuses a log that has no rows, or too many bad ones.

    Raises:
      LogError: with the table of reasons.
    """
    where = describe(config)
    if not counts.rows:
        raise LogError(f"{where}: the log is empty: it has no rows.")
    bad = sum(count for reason, count in counts.dropped.items() if is_fault(reason))
    if bad > config.log.max_bad_rows * counts.rows:
        raise LogError(
            f"{where}: {bad:,} of {counts.rows:,} rows ({bad / counts.rows:.2%}) are bad, more "
            f"than `log.max_bad_rows` = {config.log.max_bad_rows:.2%} allows. Mend the log or "
            f"`log.columns`, or raise `log.max_bad_rows`.\n{counts.table()}"
        )
    if not counts.rows_kept:
        raise LogError(
            f"{where}: no row is left. Mend `log.where` or `log.columns`.\n{counts.table()}"
        )


def check_splits(counts: Counts, config: IngestConfig) -> None:
    """Refuses a log whose splits cannot train and judge a model.

    Raises:
      LogError: naming the split, its number of targets, and what to change.
    """
    where = describe(config)
    if counts.users < 2:
        raise LogError(
            f"{where}: the log has rows of one user only; a model is judged by how it ranks for "
            f"several. Check `log.columns.user` ({config.log.mapping.user.column!r}).\n"
            f"{counts.table()}"
        )
    sizes = ", ".join(f"{name} {counts.splits[name]['targets']:,}" for name in SPLITS)
    for name in SPLITS:
        targets, positives = counts.splits[name]["targets"], counts.splits[name]["positives"]
        if not targets:
            raise LogError(
                f"{where}: the {name} split has no targets ({sizes}). Change `split` (by "
                f"{config.split.by!r}, validation {config.split.validation}, eval "
                f"{config.split.eval}), or lower `history.min_length` "
                f"({config.history.min_length}).\n{counts.table()}"
            )
        if name != "validation" and positives in (0, targets):
            raise LogError(
                f"{where}: all {targets:,} targets of the {name} split have the label "
                f"{int(positives > 0)}; both labels are needed. Change {_label_rule(config)}, or "
                f"`split` ({sizes})."
            )


def describe(config: IngestConfig) -> str:
    """Returns what the log is, for messages."""
    if config.log.simulator is not None:
        return "the simulated log"
    return f"{config.log.files} in {config.log.folder!r}"


def _label_rule(config: IngestConfig) -> str:
    if config.label.column is None:
        return "`label.negatives`"
    return f"`label.at_least` ({config.label.at_least}) of the column {config.label.column!r}"
