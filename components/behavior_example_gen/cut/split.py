"""The splits: which targets train, which validate and which evaluate."""

from __future__ import annotations

import numpy as np

from components.behavior_example_gen.hashing import combine, fraction
from components.segments import rank_of, size_of, starts

TRAIN, VALIDATION, EVAL = 0, 1, 2  # indices of config.SPLITS
_UNIT = 1_000_000  # shares are exact millionths, so that 10 targets at 0.1 are one, not 0.999...


def by_time(time: np.ndarray, cuts: tuple[int, int]) -> np.ndarray:
    """Splits at two points in time: [t] int8. A target at a cut belongs to the later split."""
    return ((time >= cuts[0]).astype(np.int8) + (time >= cuts[1])).astype(np.int8)


def by_user_tail(user: np.ndarray, validation: float, evaluation: float) -> np.ndarray:
    """Puts each user's last requests into eval, and those before them into validation.

    Of n requests, the last `floor(n * evaluation)` evaluate and the last
    `floor(n * (validation + evaluation))` but those validate: few requests all train.

    Args:
      user: [t], a user's requests are adjacent and rise in time.
      validation: share of the validation split.
      evaluation: share of the eval split.

    Returns:
      [t] int8.
    """
    begins = starts(user)
    size, left = size_of(begins), size_of(begins) - rank_of(begins)  # left: 1 for the last
    in_eval = left <= size * round(evaluation * _UNIT) // _UNIT
    held_out = left <= size * round((validation + evaluation) * _UNIT) // _UNIT
    return (held_out.astype(np.int8) + in_eval).astype(np.int8)


def by_user_hash(
    user_hash: np.ndarray, seed: int, validation: float, evaluation: float
) -> np.ndarray:
    """Puts all targets of a user into one split, drawn by the hash of the user: [t] int8."""
    draw = fraction(combine(seed, user_hash))
    return ((draw < validation + evaluation).astype(np.int8) + (draw < evaluation)).astype(np.int8)


def sample_per_user(
    user: np.ndarray, sampled: np.ndarray, draws: tuple[np.ndarray, ...], limit: int
) -> np.ndarray:
    """Keeps, of each user's targets that are sampled, the ones with the least draws.

    Args:
      user: [t], a user's targets are adjacent.
      sampled: [t] bool; the other targets are all kept.
      draws: [t] uint64 each; the first decides, then the second, ...
      limit: most sampled targets of a user.

    Returns:
      [t] bool.
    """
    rows = np.flatnonzero(sampled)
    rows = rows[np.lexsort([key[rows] for key in (*draws[::-1], user)])]
    kept = ~sampled
    kept[rows] = rank_of(starts(user[rows])) < limit
    return kept


def time_cuts(
    times: np.ndarray, counts: np.ndarray, validation: float, evaluation: float
) -> tuple[int, int]:
    """Finds the points in time whose splits come nearest to the wanted shares.

    Args:
      times: [k], rising, distinct.
      counts: [k], number of targets at each time.
      validation: share of the validation split.
      evaluation: share of the eval split.

    Returns:
      First time of validation, first time of eval. Each split holds at least one time if there
      are three.
    """
    after = np.cumsum(counts[::-1])[::-1] / counts.sum()  # share of the targets from here on
    size = len(times)
    evaluates = int(np.clip(np.abs(after - evaluation).argmin(), min(2, size - 1), size - 1))
    wanted = after[evaluates] + validation
    validates = int(np.clip(np.abs(after - wanted).argmin(), min(1, size - 1), evaluates - 1))
    return int(times[max(validates, 0)]), int(times[evaluates])
