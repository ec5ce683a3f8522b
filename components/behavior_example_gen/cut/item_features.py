"""What rows say of items: the last value of each feature within the training period.

A shard knows the rows of some users only, so it contributes its last values with their times, and
the latest of all shards counts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_example_gen.cells.features import is_missing, looked_up
from components.behavior_example_gen.cut.order import codes, sort_keys
from components.behavior_example_gen.cut.targets import UserRows
from components.behavior_example_gen.row import SEQUENCE
from components.behavior_example_gen.tables import one_batch
from components.segments import starts

_COMPACT_ROWS = 1 << 21


@dataclasses.dataclass(frozen=True)
class ItemFeatures:
    """What some rows say of their items.

    Attributes:
      counts: a table of `item`, by rising id, and `count`, its number of rows.
      last: by feature, a table of the `item`s that have a value, by rising id; their last `value`
        with its `time` and `place`; and whether it `differs` from another one of the item.
    """

    counts: pa.Table
    last: Mapping[str, pa.Table]

    @classmethod
    def of(cls, rows: UserRows, training: np.ndarray) -> ItemFeatures:
        """Reads the training rows, [n] bool, of all rows of some users."""
        which = np.flatnonzero(training)
        # Without an order within a time, the greatest value is the last one.
        in_order = rows.config.history.ties == "order"
        place = rows.batch[SEQUENCE].to_numpy()[which] if in_order else np.zeros(len(which), int)
        by_item = _ByItem(rows.take("item", which), rows.time[which], place)
        last = {}
        for name, column in rows.features_of("item").items():
            values = rows.take(column, which)
            last[name] = by_item.last(values, ~is_missing(values), np.zeros(len(which), bool))
        return cls(by_item.add(np.ones(len(which), np.int64)), last)

    @classmethod
    def merge(cls, parts: list[ItemFeatures]) -> ItemFeatures:
        """Returns what all of the rows say."""
        counts = one_batch(pa.concat_tables([part.counts for part in parts]))
        nowhere = np.zeros(counts.num_rows, np.int64)
        total = _ByItem(counts["item"], nowhere, nowhere).add(counts["count"].to_numpy())
        last = {}
        for name in parts[0].last:
            rows = one_batch(pa.concat_tables([part.last[name] for part in parts]))
            times, places = rows["time"].to_numpy(), rows["place"].to_numpy()
            by_item = _ByItem(rows["item"], times, places)
            differs = rows["differs"].to_numpy(zero_copy_only=False)
            last[name] = by_item.last(rows["value"], np.full(rows.num_rows, True), differs)
        return cls(total, last)

    @property
    def size(self) -> int:
        """The number of rows of all tables."""
        return self.counts.num_rows + sum(table.num_rows for table in self.last.values())

    def value(self, name: str, items: pa.Array) -> pa.Array:
        """Returns the last value of each of some items."""
        table = one_batch(self.last[name])
        return looked_up(table["value"], pc.index_in(items, table["item"]))


class _ByItem:
    """Rows sorted by item, time and place within a time.

    Args:
      item: [n] ids.
      time, place: [n] int64.
    """

    def __init__(self, item: pa.Array, time: np.ndarray, place: np.ndarray):
        code, self._items = codes(item)
        self._time, self._place, self._order = time, place, np.arange(0)
        if len(item):
            self._order, _ = sort_keys(code, time, lambda rows: [place[rows]], np.arange(len(item)))
        self._begins = starts(code[self._order])
        self._first = np.flatnonzero(self._begins)

    def add(self, counts: np.ndarray) -> pa.Table:
        """Adds [n] int64 up by item."""
        total = np.add.reduceat(counts[self._order], self._first) if len(self._first) else counts
        return pa.table({"item": self._items, "count": total})

    def last(self, values: pa.Array, known: np.ndarray, differs: np.ndarray) -> pa.Table:
        """Finds the last known value of each item; of one time and place, the greatest.

        Args:
          values: [n].
          known, differs: [n] bool, whether it counts, and whether it differs from another one.

        Returns:
          A table as in `ItemFeatures.last`.
        """
        code, distinct = codes(values)
        code, known, differs = code[self._order], known[self._order], differs[self._order]
        time, place = self._time[self._order], self._place[self._order]
        if not known.any():
            return self._table(np.arange(0), code[:0], distinct, differs[:0], time, place)
        last = np.maximum.reduceat(np.where(known, np.arange(len(code)), -1), self._first)
        item = np.cumsum(self._begins) - 1
        best = last[item]
        same = known & (time == time[best]) & (place == place[best])
        value = np.maximum.reduceat(np.where(same, code, -1), self._first)
        unequal = known & ((code != value[item]) | differs)
        differs = np.logical_or.reduceat(unequal, self._first)
        have = np.flatnonzero(last >= 0)
        return self._table(have, value[have], distinct, differs[have], time[last], place[last])

    def _table(
        self,
        items: np.ndarray,
        value: np.ndarray,
        distinct: pa.Array,
        differs: np.ndarray,
        time: np.ndarray,
        place: np.ndarray,
    ) -> pa.Table:
        return pa.table(
            {
                "item": self._items.take(pa.array(items)),
                "time": time[items],
                "place": place[items],
                "value": distinct.take(pa.array(value)),
                "differs": differs,
            }
        )


class CombineItemFeatures(beam.CombineFn):
    """Combines what shards say of items; None without any row."""

    def create_accumulator(self) -> list[ItemFeatures]:
        return []

    def add_input(self, parts: list[ItemFeatures], more: ItemFeatures) -> list[ItemFeatures]:
        return self.merge_accumulators([parts, [more]])

    def merge_accumulators(self, accumulators: list[list[ItemFeatures]]) -> list[ItemFeatures]:
        parts = [part for accumulator in accumulators for part in accumulator]
        # Half of the rows at least are new, or else many items would be merged again for each.
        least = max(_COMPACT_ROWS, parts[0].size) if parts else 0
        return self.compact(parts) if sum(p.size for p in parts[1:]) > least else parts

    def compact(self, parts: list[ItemFeatures]) -> list[ItemFeatures]:
        return [ItemFeatures.merge(parts)] if len(parts) > 1 else parts

    def extract_output(self, parts: list[ItemFeatures]) -> ItemFeatures | None:
        return self.compact(parts)[0] if parts else None
