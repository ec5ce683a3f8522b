"""Finite differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def numeric_gradient(f: Callable[[np.ndarray], float], x: np.ndarray, step=1e-3) -> np.ndarray:
    """Returns df/dx by central differences, one entry at a time."""
    x = x.astype(np.float64)
    gradient = np.zeros_like(x)
    for index in np.ndindex(*x.shape):
        kept = x[index]
        x[index] = kept + step
        above = f(x)
        x[index] = kept - step
        below = f(x)
        x[index] = kept
        gradient[index] = (above - below) / (2 * step)
    return gradient
