"""Draws targets that did not happen, for logs that hold only positives.

One rule holds for both sides, or the rule gives the label away: with positives that may be repeats
and negatives that never are, "seen before" has an AUC of .68 on noise. So positives are first-time
interactions and negatives items that the user never had (`repeats: drop`), or the past counts for
neither (`repeats: keep`); and both are items that the catalogue knew when their split began.

Draws are hashes of (seed, user, target, draw, attempt), not the next numbers of a generator:
they do not depend on the order in which targets are met, or on what else is met.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from components.behavior_example_gen.hashing import combine, fraction

_ATTEMPTS = 128
NONE = -1


def draw_negatives(
    seed: int,
    user_hash: np.ndarray,
    target: np.ndarray,
    weights: np.ndarray,
    refuse: Callable[[np.ndarray, np.ndarray], np.ndarray],
    per_positive: int,
) -> np.ndarray:
    """Draws distinct items for each target.

    Args:
      seed: of the configuration.
      user_hash: [t] uint64, hash of the user's id.
      target: [t] int64, a number that tells the targets of a user apart.
      weights: [n] chances of the items, not negative, some positive.
      refuse: from places in [t] and an item for each to [k] bool, whether it is no negative there.
      per_positive: distinct negatives for each target, k.

    Returns:
      [t, k] int64 indices of items; -1 where no item was found in 128 attempts.
    """
    shares = np.cumsum(weights, dtype=np.float64)
    drawn = np.full((len(target), per_positive), NONE)
    for k in range(per_positive):
        missing = np.arange(len(target))
        for attempt in range(_ATTEMPTS):
            hashes = combine(seed, user_hash[missing], target[missing], k, attempt)
            item = np.searchsorted(shares, fraction(hashes) * shares[-1], side="right")
            refused = refuse(missing, item)
            refused |= (drawn[missing, :k] == item[:, None]).any(axis=1)
            drawn[missing[~refused], k] = item[~refused]
            missing = missing[refused]
            if not len(missing):
                break
    return drawn


class FirstTimes:
    """When each user first had each item.

    Args:
      user: [n] int64 >= 0, rising.
      item: [n] int64, 0 <= item < items.
      time: [n] int64, rising within a user.
      items: number of items.
    """

    def __init__(self, user: np.ndarray, item: np.ndarray, time: np.ndarray, items: int):
        self._items = items
        # `unique` returns first occurrences, and rows rise in time.
        self._pairs, first = np.unique(user * items + item, return_index=True)
        self._times = time[first]

    def until(self, user: np.ndarray, item: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Returns [t] bool: whether the user has had the item at that time, or gets it then."""
        pairs = user * self._items + item
        place = np.minimum(np.searchsorted(self._pairs, pairs), len(self._pairs) - 1)
        return (self._pairs[place] == pairs) & (self._times[place] <= time)
