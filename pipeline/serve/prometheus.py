"""Counters, gauges and histograms in Prometheus' text format.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Labels = tuple[str, ...]


class Metric(Protocol):
    """Anything that has samples."""

    def lines(self) -> Iterator[str]:
        """Its description and samples."""


class Counter:
    """A number that only grows, for each combination of labels.

    Args:
      name: of the metric.
      words: what it counts.
      labels: their names.
    """

    def __init__(self, name: str, words: str, labels: Sequence[str] = ()) -> None:
        self._head = _head(name, "counter", words)
        self._name, self._labels = name, labels
        self._values: dict[Labels, float] = defaultdict(float)
        self._lock = threading.Lock()

    def add(self, *labels: str, by: float = 1) -> None:
        """Counts."""
        with self._lock:
            self._values[labels] += by

    def lines(self) -> Iterator[str]:
        yield from self._head
        with self._lock:
            values = sorted(self._values.items())
        for labels, value in values:
            yield _sample(self._name, zip(self._labels, labels, strict=True), value)


class Gauge:
    """A number as it is now.

    Args:
      name: of the metric.
      words: what it is.
      read: tells it; None: there is none.
    """

    def __init__(self, name: str, words: str, read: Callable[[], float | None]) -> None:
        self._head = _head(name, "gauge", words)
        self._name, self._read = name, read

    def lines(self) -> Iterator[str]:
        yield from self._head
        if (value := self._read()) is not None:
            yield _sample(self._name, (), value)


class Histogram:
    """How many values lie up to each bound, for each combination of labels.

    Args:
      name: of the metric.
      words: what it measures.
      bounds: upper, rising; without infinity.
      labels: their names.
    """

    def __init__(
        self, name: str, words: str, bounds: Sequence[float], labels: Sequence[str] = ()
    ) -> None:
        self._head = _head(name, "histogram", words)
        self._name, self._labels, self._bounds = name, labels, bounds
        self._counts: dict[Labels, np.ndarray] = defaultdict(
            lambda: np.zeros(len(bounds) + 1, np.int64)
        )
        self._sums: dict[Labels, float] = defaultdict(float)
        self._lock = threading.Lock()

    def observe(self, values: np.typing.ArrayLike, *labels: str) -> None:
        """Takes a value, or several."""
        array = np.asarray(values, np.float64).ravel()
        found = np.searchsorted(self._bounds, array)
        with self._lock:
            self._counts[labels] += np.bincount(found, minlength=len(self._bounds) + 1)
            self._sums[labels] += float(array.sum())

    def lines(self) -> Iterator[str]:
        yield from self._head
        with self._lock:
            found = sorted((k, v.tolist(), self._sums[k]) for k, v in self._counts.items())
        for labels, counts, total in found:
            pairs = list(zip(self._labels, labels, strict=True))
            below = 0
            for bound, count in zip([*self._bounds, "+Inf"], counts, strict=True):
                below += count
                yield _sample(f"{self._name}_bucket", [*pairs, ("le", str(bound))], below)
            yield _sample(f"{self._name}_sum", pairs, total)
            yield _sample(f"{self._name}_count", pairs, below)


def text(metrics: Sequence[Metric]) -> bytes:
    """What Prometheus reads."""
    return "".join(f"{line}\n" for metric in metrics for line in metric.lines()).encode()


def _head(name: str, kind: str, words: str) -> list[str]:
    return [f"# HELP {name} {words}", f"# TYPE {name} {kind}"]


def _sample(name: str, labels: Sequence[tuple[str, str]] | zip, value: float) -> str:
    told = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
    return f"{name}{{{told}}} {value}" if told else f"{name} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
