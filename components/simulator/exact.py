"""Functions and draws of floats that every CPU computes alike, to the last bit.

numpy's exp, log and cos round as the vector unit at hand does, its normal, gamma and Poisson draws
as the C library does, and a matrix product sums in the order of both: one bit of a probability,
and somewhere a click becomes a skip. What remains is what IEEE 754 rounds in one way only, + - * /
and sqrt of single elements, sums in a stated order, and of `numpy.random.Generator` all that is
integer arithmetic: `random`, `integers`, `permutation`, `choice` without `p`.

Series are cut where the next term is below half a unit in the last place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

_LN_2 = 0.6931471805599453
# A quotient of two Python integers is rounded once.
_EXP = [1 / math.factorial(n) for n in range(14)]
_ARTANH = [1 / (2 * n + 1) for n in range(17)]
_SIN = [(-1) ** n / math.factorial(2 * n + 1) for n in range(11)]


def exp(x: np.ndarray) -> np.ndarray:
    """Returns e to the power of x; below -700 and above 700 that of the nearer one."""
    x = np.clip(x, -700.0, 700.0)
    twos = np.rint(x / _LN_2)
    return np.ldexp(_polynomial(x - twos * _LN_2, _EXP), twos.astype(np.int32))


def log(x: np.ndarray) -> np.ndarray:
    """Returns the natural logarithm of x > 0."""
    half, twos = np.frexp(x)  # x is half * 2**twos, and half in [0.5, 1)
    ratio = (half - 1) / (half + 1)
    return 2 * ratio * _polynomial(ratio * ratio, _ARTANH) + twos * _LN_2


def cos(turns: np.ndarray) -> np.ndarray:
    """Returns the cosine of an angle, given in turns of 2 pi."""
    half = math.pi * (turns - np.rint(turns))  # of the angle
    sine = half * _polynomial(half * half, _SIN)
    return 1 - 2 * sine * sine


def exponential(rng: np.random.Generator, size: Sequence[int] = ()) -> np.ndarray:
    """Draws from the exponential distribution of mean 1."""
    return -log(1 - rng.random(size))


def normal(rng: np.random.Generator, size: Sequence[int] = ()) -> np.ndarray:
    """Draws from the standard normal distribution (Box and Muller, 1958)."""
    return np.sqrt(2 * exponential(rng, size)) * cos(rng.random(size))


def total(x: np.ndarray, axis: int = 0) -> np.ndarray:
    """Sums from the first element to the last; `np.sum` leaves its order to the vector unit."""
    return np.take(np.cumsum(x, axis), -1, axis)


def _polynomial(x: np.ndarray, coefficients: Sequence[float]) -> np.ndarray:
    """Horner's scheme, that of the constant first."""
    value = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        value *= x
        value += coefficient
    return value
