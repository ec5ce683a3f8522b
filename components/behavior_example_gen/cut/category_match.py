"""The target subsequence: the last behaviours in the target's category."""

from __future__ import annotations

import numpy as np

MISSING = -1


class MatchIndex:
    """Finds the last behaviours of a user in a category.

    Behaviours are sorted by (user, category, position) once; those that a target may see are then
    a slice, found by bisection, whatever the length of the history.

    Args:
      user: [h] int64 >= 0, rising.
      category: [h] int64 >= 0, codes of the categories.
    """

    def __init__(self, user: np.ndarray, category: np.ndarray):
        self._size = len(user)
        self._categories = int(category.max(initial=0)) + 1
        self._groups, group = np.unique(user * self._categories + category, return_inverse=True)
        self._order = np.argsort(group, kind="stable")
        self._places = group[self._order] * self._size + self._order  # rising

    def last(
        self,
        user: np.ndarray,
        category: np.ndarray,
        hist_end: np.ndarray,
        lower: np.ndarray,
        limit: int,
    ) -> np.ndarray:
        """Finds the last matches of each target.

        Args:
          user: [t] int64.
          category: [t] int64, a code as in `category`, or -1 if no behaviour has it.
          hist_end: [t] int64, exclusive end of the target's history.
          lower: [t] int64, first behaviour that the target may see.
          limit: most matches of a target, M.

        Returns:
          [t, M] int64 indices of behaviours, the oldest first, padded with -1 on the right.
        """
        if not self._size:
            return np.full((len(user), limit), MISSING)
        wanted = user * self._categories + category
        group = np.minimum(np.searchsorted(self._groups, wanted), len(self._groups) - 1)
        known = (category >= 0) & (self._groups[group] == wanted)
        end = np.searchsorted(self._places, group * self._size + hist_end)
        begin = np.searchsorted(self._places, group * self._size + lower)
        slots = np.maximum(begin, end - limit)[:, None] + np.arange(limit)
        found = known[:, None] & (slots < end[:, None])
        return np.where(found, self._order[np.minimum(slots, self._size - 1)], MISSING)
