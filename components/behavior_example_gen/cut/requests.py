"""Which rows were shown together: in one request, at one moment, with one history.

Only such rows can be compared with one another. Equal visible history alone does not make a
request: in a log where only clicks enter the history, the targets between two clicks are skip,
skip, click, so that the time within such a group gives the label away. The moment counts, too.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from components.behavior_example_gen.cut.order import codes
from components.segments import begin_of, starts


def first_rows(
    user: np.ndarray, time: np.ndarray, hist_end: np.ndarray, ids: pa.Array | None
) -> np.ndarray:
    """Finds the first row of each row's request: the moment at which all of it was shown.

    Args:
      user: [n] int64 codes, rows of a user are adjacent.
      time: [n], rising within a user.
      hist_end: [n], rising within a user.
      ids: [n] the log's own requests, counted within a user; None: the log names none. Rows
        without an id are of one request if they agree in user, time and `hist_end`.

    Returns:
      [n] int64 indices of rows.
    """
    first = np.empty(len(user), np.int64)
    named = np.zeros(len(user), bool) if ids is None else np.asarray(ids.is_valid())
    rows = np.flatnonzero(~named)
    first[rows] = rows[begin_of(starts(user[rows], time[rows], hist_end[rows]))]
    rows = np.flatnonzero(named)
    if ids is not None and len(rows):
        number, values = codes(ids.take(pa.array(rows)))
        _, begins, place = np.unique(
            user[rows] * len(values) + number, return_index=True, return_inverse=True
        )
        first[rows] = rows[begins[place]]
    return first


def number(user: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Numbers the requests of each user from 0, by time: [t] int64.

    Args:
      user: [t], a user's targets are adjacent.
      first: [t], of `first_rows`, rising.
    """
    count = np.cumsum(starts(user, first))
    return count - count[begin_of(starts(user))]
