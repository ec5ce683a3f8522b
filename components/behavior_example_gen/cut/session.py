"""Sessions, and the local subsequence: a target's running session."""

from __future__ import annotations

import numpy as np

from components.segments import begin_of, starts


def session_begin(user: np.ndarray, seconds: np.ndarray, gap: int) -> np.ndarray:
    """Finds the session of each behaviour; a session breaks where the gap is exceeded.

    Args:
      user: [h], behaviours of a user are adjacent.
      seconds: [h] times, rising within a user.
      gap: longest pause within a session, in seconds.

    Returns:
      [h] int64, the index of the first behaviour of each behaviour's session.
    """
    begins = starts(user)
    begins[1:] |= np.diff(seconds) > gap
    return begin_of(begins)


def local_begin(
    session_begin: np.ndarray | None,
    history_seconds: np.ndarray,
    target_seconds: np.ndarray,
    hist_end: np.ndarray,
    lower: np.ndarray,
    gap: int | None,
    min_local: int,
) -> np.ndarray:
    """Finds where the local subsequence of each target begins; it ends at `hist_end`.

    It is the session that is still running at the time of the target (none, if the last behaviour
    is longer ago than the gap), extended backwards to at least `min_local` behaviours.

    Args:
      session_begin: [h] int64, of `session_begin`; None if there are no sessions.
      history_seconds: [h] times of the behaviours.
      target_seconds: [t] times of the targets.
      hist_end: [t] int64, exclusive end of each target's history.
      lower: [t] int64, first behaviour that the target may see.
      gap: longest pause within a session, in seconds; None: no sessions.
      min_local: least number of behaviours, where they exist.

    Returns:
      [t] int64, within `[lower, hist_end]`.
    """
    begin = hist_end - min_local
    if session_begin is not None and len(session_begin):
        last = np.maximum(hist_end - 1, 0)
        running = (hist_end > lower) & (target_seconds - history_seconds[last] <= gap)
        begin = np.where(running, np.minimum(begin, session_begin[last]), begin)
    return np.maximum(begin, lower)
