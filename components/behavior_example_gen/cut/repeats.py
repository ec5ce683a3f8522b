"""Whether positives come back to what their user had before: the default of `repeats`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Literal

import numpy as np
import pyarrow as pa

from components.segments import begin_of, starts

# A log where each pair of user and item is written once, such as of ratings, has some by accident.
_ACCIDENTS = 0.01


@dataclasses.dataclass(frozen=True)
class Repeats:
    """How many positives there are, and how many of them are items that the user had before."""

    positives: int = 0
    repeated: int = 0

    @property
    def rule(self) -> Literal["drop", "keep"]:
        """Which rule leaves "had it before" without a say that comes of the draw alone.

        Where positives are never repeats, negatives that may be would be told by that.
        """
        return "keep" if self.repeated > _ACCIDENTS * self.positives else "drop"

    @property
    def share(self) -> float:
        """Repeats among the positives, 0 without any."""
        return self.repeated / max(self.positives, 1)


def count_repeats(rows: pa.Table, positives_alone: bool) -> Repeats:
    """Counts the positives of some users, and their repeats.

    Args:
      rows: all rows of these users with `user`, `item`, `time` and `label`, in any order. Rows of
        one time are no repeats of each other: they may be one event, written twice.
      positives_alone: whether other rows are no behaviours.
    """
    label = rows["label"].to_numpy()
    if positives_alone:
        rows, label = rows.filter(pa.array(label == 1)), label[label == 1]
    time = rows["time"].to_numpy()
    user, item = (
        rows[name].combine_chunks().dictionary_encode().indices.to_numpy()
        for name in ("user", "item")
    )
    order = np.lexsort((time, item, user))
    time, positive = time[order], label[order] == 1
    again = time > time[begin_of(starts(user[order], item[order]))]
    return Repeats(int(positive.sum()), int((positive & again).sum()))


def total(found: Iterable[Repeats]) -> Repeats:
    """Adds up what was counted of different users."""
    found = list(found)
    return Repeats(sum(one.positives for one in found), sum(one.repeated for one in found))
