"""Cuts a user's targets into examples, and gives each example the history that it needs.

A target sees at most `max_length` behaviours. Targets that share an example share one slice of
history, so the beginning of what they see must be the same for all of them. It therefore lies on
a grid: `window_begin` rounds `hist_end - max_length` up to a multiple of an eighth of
`max_length`. So in every split a target of a long history sees between 7/8 of `max_length` and
`max_length` behaviours, the same ones whether it is alone in its example or packed with others;
no example holds more than `max_length` behaviours; and a target sees all that lies in its
example before its `target_hist_end`. Shorter histories are seen whole.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from components.segments import rank_of, starts

_GRID = 8


def window_begin(hist_begin: np.ndarray, hist_end: np.ndarray, max_length: int) -> np.ndarray:
    """Finds the first behaviour that each target sees.

    Args:
      hist_begin: [t] int64, first behaviour of the target's user.
      hist_end: [t] int64, exclusive end of the target's history.
      max_length: most behaviours that a target sees.

    Returns:
      [t] int64, within `[hist_begin, hist_end]`.
    """
    step = max(1, max_length // _GRID)
    excess = np.maximum(hist_end - hist_begin - max_length, 0)
    return hist_begin + -(-excess // step) * step


@dataclasses.dataclass(frozen=True)
class Examples:
    """Examples as slices of targets and of behaviours, e of them.

    Attributes:
      target_begin, target_end: [e] int64, slices of the targets.
      history_begin, history_end: [e] int64, slices of the behaviours.
    """

    target_begin: np.ndarray
    target_end: np.ndarray
    history_begin: np.ndarray
    history_end: np.ndarray

    def take(self, which: np.ndarray) -> Examples:
        """Returns some of the examples."""
        return Examples(*(getattr(self, f.name)[which] for f in dataclasses.fields(self)))


def pack(
    user: np.ndarray,
    window_begin: np.ndarray,
    request: np.ndarray,
    hist_end: np.ndarray,
    size: int,
) -> Examples:
    """Cuts the targets of one split into examples of one user and one window each.

    An example takes requests, whole, while they fit: targets of one request are compared with one
    another, which they can be only within an example. A request that is larger than an example
    begins one, and is cut.

    Args:
      user: [t], a user's targets are adjacent and rise in time.
      window_begin: [t] int64, rising within a user.
      request: [t] int64, a request's targets are adjacent.
      hist_end: [t] int64, rising within a user.
      size: most targets of an example.

    Returns:
      The examples, in the order of their targets.
    """
    window, shown = starts(user, window_begin), starts(user, window_begin, request)
    # Pieces: requests, or parts of a large one; none is larger than an example.
    begin = np.flatnonzero(shown | (rank_of(shown) % size == 0))
    ends = np.append(begin, len(user))
    window_end = np.append(np.flatnonzero(window), len(user))[np.cumsum(window)[begin]]
    last = np.minimum(begin + size, window_end)
    following = (np.searchsorted(ends, last, side="right") - 1).tolist()
    pieces, piece = [], 0
    while piece < len(following):
        pieces.append(piece)
        piece = following[piece]
    first = begin[np.array(pieces, np.int64)]
    end = np.append(first[1:], len(user))[: len(first)]
    return Examples(first, end, window_begin[first], hist_end[end - 1])
