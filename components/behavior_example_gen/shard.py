"""Turns all rows of some users into the examples of every split."""

from __future__ import annotations

import collections
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from components.behavior_example_gen.clean import DUPLICATE
from components.behavior_example_gen.config import SPLITS, IngestConfig
from components.behavior_example_gen.counts import Counts
from components.behavior_example_gen.encode import encode
from components.behavior_example_gen.hashing import combine
from components.behavior_example_gen.order import sort_rows
from components.behavior_example_gen.pack import Examples, pack
from components.behavior_example_gen.segments import starts
from components.behavior_example_gen.targets import Targets, UserRows, WholeLog, find_targets


class Shard:
    """The users of one shard, sorted and cut.

    Args:
      rows: all cleaned rows of these users, in any order; at least one.
      config: the configuration.
      whole: what must be known of the whole log.

    Attributes:
      counts: users, examples, targets, and what is dropped here: `rows_kept` is minus the number
        of duplicates, so that it adds up with what `clean` kept.
    """

    def __init__(self, rows: pa.RecordBatch, config: IngestConfig, whole: WholeLog):
        self._config = config
        before = rows.num_rows
        rows = sort_rows(rows, drop_duplicates=config.log.duplicates == "drop")
        duplicates = before - rows.num_rows
        user_rows = UserRows(rows, config)
        targets, dropped = find_targets(user_rows, whole)
        self._histories = user_rows.histories
        dropped[DUPLICATE] = duplicates
        self._splits: dict[str, tuple[Targets, Examples]] = {}
        for index, name in enumerate(SPLITS):
            part = targets.where(targets.split == index)
            size = 1 if name == "eval" else config.history.targets_per_example
            self._splits[name] = part, pack(part.user, part.window_begin, part.hist_end, size)
        self.counts = Counts(
            rows_kept=-duplicates,
            users=len(rows["user"].unique()),
            dropped=+dropped,
            splits={name: _count(*split) for name, split in self._splits.items()},
        )

    def encode(self, split: str) -> Iterator[list[bytes]]:
        """Yields the serialized examples of a split, in an order that mixes the users."""
        targets, examples = self._splits[split]
        first = examples.target_begin
        rank = first - np.searchsorted(targets.user, targets.user[first])
        order = np.argsort(combine(self._config.seed, targets.user_hash[first], rank))
        match = self._config.history.match
        yield from encode(
            examples.take(order), self._histories, targets, match, sliced=split == "eval"
        )


def _count(targets: Targets, examples: Examples) -> collections.Counter[str]:
    return collections.Counter(
        examples=len(examples.target_begin),
        targets=len(targets.user),
        users=int(np.count_nonzero(starts(targets.user))),
        positives=int(targets.label.sum()),
    )
