"""The times of a log's targets: where a split by time is cut."""

from __future__ import annotations

import dataclasses

import apache_beam as beam
import numpy as np
import pyarrow as pa

from components.behavior_example_gen.cut.split import time_cuts

_BUCKETS = 1 << 20


@dataclasses.dataclass(frozen=True)
class Timeline:
    """Numbers of targets by time, in buckets of `2**shift` seconds; an order counts as seconds.

    Buckets are as fine as the range of the times allows for 2**20 of them, so the result depends
    neither on the order nor on the number of the blocks that were merged.

    Attributes:
      shift: log2 of the seconds in a bucket.
      times: [k] int64, first second of each bucket, rising.
      counts: [k] int64.
    """

    shift: int
    times: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, rows: pa.Table, ticks_per_second: int) -> Timeline:
        """Counts the labelled targets of rows as `clean` returns them."""
        ticks = rows["time"].to_numpy()[rows["label"].to_numpy() >= 0]
        return cls.merge(0, ticks // ticks_per_second, np.ones(len(ticks), np.int64))

    @classmethod
    def merge(cls, shift: int, times: np.ndarray, counts: np.ndarray) -> Timeline:
        """Counts equal times together, in buckets of at least `2**shift` seconds."""
        if len(times):
            while (int(times.max()) >> shift) - (int(times.min()) >> shift) >= _BUCKETS:
                shift += 1
        buckets, place = np.unique(times >> shift << shift, return_inverse=True)
        totals = np.bincount(place, weights=counts, minlength=len(buckets)).astype(np.int64)
        return cls(shift, buckets, totals)


class CombineTimes(beam.CombineFn):
    """Combines timelines into the two cuts of a split by time."""

    def __init__(self, validation: float, evaluation: float):
        super().__init__()
        self._shares = validation, evaluation

    def create_accumulator(self) -> Timeline:
        return Timeline(0, np.empty(0, np.int64), np.empty(0, np.int64))

    def add_input(self, timeline: Timeline, more: Timeline) -> Timeline:
        return self.merge_accumulators([timeline, more])

    def merge_accumulators(self, timelines: list[Timeline]) -> Timeline:
        timelines = list(timelines)
        return Timeline.merge(
            max(timeline.shift for timeline in timelines),
            np.concatenate([timeline.times for timeline in timelines]),
            np.concatenate([timeline.counts for timeline in timelines]),
        )

    def extract_output(self, timeline: Timeline) -> tuple[int, int]:
        if not len(timeline.times):
            return 0, 0  # cuts nothing
        return time_cuts(timeline.times, timeline.counts, *self._shares)
