"""How far the scores that a server gives are from those of the validation split."""

from __future__ import annotations

import threading

import numpy as np

from pipeline.serve.expected import Expected

_LEAST, _MOST = 1_000, 100_000  # scores
_FLOOR = 1e-4  # of a share, as none has an infinite logarithm


class Drift:
    """The population stability index of a version's scores.

    It is the sum of (p - q) ln(p / q) over some ten ranges of scores, q the share of validation's
    that lie in one, p that of the scores given: of the last 100,000 or so, none of an earlier
    version. By chance alone it is some 9 / n, so it is told from 1,000 on.
    """

    def __init__(self) -> None:
        self._expected: Expected | None = None
        self._counts = np.zeros(0)
        self._lock = threading.Lock()

    def add(self, expected: Expected, scores: np.ndarray) -> None:
        """Counts scores; what is expected is another object for each version."""
        ranges = np.searchsorted(expected.bounds, scores)
        with self._lock:
            if expected is not self._expected:
                self._expected, self._counts = expected, np.zeros(len(expected.shares))
            self._counts += np.bincount(ranges, minlength=len(self._counts))
            if self._counts.sum() > _MOST:
                self._counts /= 2

    def value(self) -> float | None:
        """The index, if there are scores enough."""
        with self._lock:
            expected, counts = self._expected, self._counts.copy()
        if expected is None or counts.sum() < _LEAST:
            return None
        p, q = (np.maximum(x, _FLOOR) for x in (counts / counts.sum(), expected.shares))
        return float(((p - q) * np.log(p / q)).sum())
