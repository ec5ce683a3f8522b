"""Which part of its user's history a row may see: only what came before it."""

from __future__ import annotations

from typing import Literal

import numpy as np

from components.segments import begin_of, starts


def hist_begin(user: np.ndarray, in_history: np.ndarray) -> np.ndarray:
    """Returns [n] int64: where the history of each row's user begins, among all history rows."""
    return _history_before(in_history)[begin_of(starts(user))]


def hist_end(
    user: np.ndarray,
    time: np.ndarray,
    in_history: np.ndarray,
    ties: Literal["exclude", "order"],
) -> np.ndarray:
    """Finds where the visible history of each row ends.

    Args:
      user: [n], rows of a user are adjacent.
      time: [n], rising within a user; under "order", equal times are in the order of the log.
      in_history: [n] bool, whether the row is part of the history.
      ties: "exclude": a row sees only strictly earlier times. "order": it sees the rows before it.

    Returns:
      [n] int64, exclusive end index among the rows that are in the history.
    """
    before = _history_before(in_history)
    return before if ties == "order" else before[begin_of(starts(user, time))]


def _history_before(in_history: np.ndarray) -> np.ndarray:
    """Number of history rows ahead of each row, of all users: [n] int64."""
    return np.cumsum(in_history) - in_history
