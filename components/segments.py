"""Segments: runs of equal keys in a sorted array, such as the rows of one user."""

from __future__ import annotations

import numpy as np


def starts(*keys: np.ndarray) -> np.ndarray:
    """Returns [n] bool: whether a row begins a run of equal keys.

    Args:
      keys: arrays [n]; rows are equal when they agree in all of them.
    """
    begins = np.zeros(len(keys[0]), bool)
    begins[:1] = True
    for key in keys:
        begins[1:] |= key[1:] != key[:-1]
    return begins


def begin_of(begins: np.ndarray) -> np.ndarray:
    """Returns [n] int64: the index of the first row of each row's run.

    Example:
      `begin_of([True, False, True, False, False])` is `[0, 0, 2, 2, 2]`.
    """
    return np.maximum.accumulate(np.where(begins, np.arange(len(begins)), 0))


def rank_of(begins: np.ndarray) -> np.ndarray:
    """Returns [n] int64: each row's place in its run, from 0."""
    return np.arange(len(begins)) - begin_of(begins)


def size_of(begins: np.ndarray) -> np.ndarray:
    """Returns [n] int64: the length of each row's run."""
    run = np.cumsum(begins) - 1
    return np.bincount(run)[run] if len(run) else run


def ranges(begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Concatenates `arange(b, e)` for all pairs: [sum(end - begin)] int64."""
    lengths = end - begin
    total = np.cumsum(lengths)
    return np.arange(total[-1] if len(total) else 0) + np.repeat(begin - total + lengths, lengths)


def power_of_two(counts: np.ndarray) -> np.ndarray:
    """Returns [n] int64: the largest power of two that is at most the count, 0 for 0."""
    exponent = np.frexp(counts.astype(np.float64))[1].astype(np.int64) - 1
    return np.where(counts > 0, np.left_shift(1, np.maximum(exponent, 0)), 0)
