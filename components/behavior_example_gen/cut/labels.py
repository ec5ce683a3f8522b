"""The labels of targets beside the primary one: what their own rows say, or rows that follow."""

from __future__ import annotations

import collections
from collections.abc import Mapping

import numpy as np

from components.behavior_example_gen.config.label_config import NamedLabel
from components.behavior_example_gen.cut import split
from components.segments import starts

Labels = dict[str, np.ndarray]


def joint(own: Mapping[str, np.ndarray], rules: Mapping[str, NamedLabel]) -> Labels:
    """Makes each label 0 where the one that it is given is 0, and unknown where that is.

    Args:
      own: [t] 1, 0 or NaN by label, the primary one among them.
      rules: of the others.
    """
    found: Labels = {}

    def of(name: str) -> np.ndarray:
        if name not in found:
            parent = rules[name].given if name in rules else None
            found[name] = own[name]
            if parent is not None:
                found[name] = np.where(of(parent) == 0, 0, own[name] + 0 * of(parent))
        return found[name]

    return {name: of(name).astype(np.float32) for name in own}


def follows(
    pair: np.ndarray,
    time: np.ndarray,
    positive_pair: np.ndarray,
    positive_time: np.ndarray,
    window: int,
) -> np.ndarray:
    """Whether a positive row of the same pair comes at a target's time or within a window of it.

    Args:
      pair, time: [t] int64, the targets' user and item as one number, and their times.
      positive_pair, positive_time: [p], of the positive rows.
      window: in the unit of times; its end counts.

    Returns:
      [t] bool.
    """
    order = np.lexsort((positive_time, positive_pair))
    positive_pair, positive_time = positive_pair[order], positive_time[order]
    # A positive row sorts behind a target of its time, so the next of the pair is the one to see.
    both = np.lexsort(
        (
            np.repeat([0, 1], [len(pair), len(positive_pair)]),
            np.concatenate([time, positive_time]),
            np.concatenate([pair, positive_pair]),
        )
    )
    is_target = both < len(pair)
    target = both[is_target]
    following = np.cumsum(~is_target)[is_target]  # positive rows before it: the next one's place
    found = np.zeros(len(pair), bool)
    some = following < len(positive_pair)
    target, following = target[some], following[some]
    found[target] = (positive_pair[following] == pair[target]) & (
        positive_time[following] - time[target] <= window
    )
    return found


def known_until(
    user: np.ndarray,
    time: np.ndarray,
    place: np.ndarray,
    last: int,
    cuts: tuple[int, int] | None,
) -> np.ndarray:
    """The last moment that may tell a label of each target: what is later is of another split.

    Args:
      user, time: [t] int64, of the targets; a user's are adjacent.
      place: [t] their splits.
      last: of the log.
      cuts: first moments of validation and of eval, where the split is by time; else the split of
        a user's own targets begins with the first of them.

    Returns:
      [t] int64.
    """
    until = np.full(len(user), last)
    for later in (split.VALIDATION, split.EVAL):
        if cuts is not None:
            begin = np.full(len(user), cuts[later - 1])
        else:
            held_out = np.where(place >= later, time, np.iinfo(np.int64).max)
            begins = starts(user)
            run = np.cumsum(begins) - 1
            begin = np.minimum.reduceat(held_out, np.flatnonzero(begins))[run] if len(run) else run
        earlier = place < later
        until[earlier] = np.minimum(until[earlier], begin[earlier] - 1)
    return until


def count_young(
    labels: Mapping[str, NamedLabel], time: np.ndarray, until: np.ndarray, ticks: int
) -> tuple[dict[str, np.ndarray], collections.Counter[str]]:
    """Which targets have a window that has not ended, [t] bool by label that has one, and how many.

    Args:
      labels: the rules.
      time: [t] int64, of the targets.
      until: [t] int64, `known_until`.
      ticks: of `time` in a second.
    """
    young = {
        name: time + label.within_seconds * ticks > until
        for name, label in labels.items()
        if label.within_seconds is not None
    }
    return young, collections.Counter({name: int(rows.sum()) for name, rows in young.items()})
