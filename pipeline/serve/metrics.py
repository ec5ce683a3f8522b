"""What a server counts: requests, their time, the queue, and what the model is asked and says."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from models import features
from pipeline.serve import prometheus
from pipeline.serve.limits import Limits
from pipeline.serve.model import Arrays
from pipeline.serve.prometheus import Counter, Gauge, Histogram, Metric

_SECONDS = (.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10)  # fmt: skip
_BEHAVIORS = (0, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)
_EXAMPLES = "examples"  # the input of `serving_default`


class Metrics:
    """The metrics of one server.

    Args:
      limits: whose queue is told.
      version: tells the version that serves, None: none yet.
    """

    def __init__(self, limits: Limits, version: Callable[[], int | None]) -> None:
        self._requests = Counter(
            "everlong_requests_total", "Requests answered.", ("protocol", "signature", "code")
        )
        self._seconds = Histogram(
            "everlong_request_seconds",
            "Time from a request's arrival to its answer, waiting included.",
            _SECONDS,
            ("signature",),
        )
        self._lengths = Histogram(
            "everlong_history_length", "Behaviours of a scored user's history.", _BEHAVIORS
        )
        self._scores = Counter(
            "everlong_score_sum",
            "Sum of the scores given; over the count: their mean.",
            ("output",),
        )
        self._scored = Counter("everlong_score_count", "Scores given.", ("output",))
        self._metrics: list[Metric] = [
            self._requests,
            self._seconds,
            self._lengths,
            self._scores,
            self._scored,
            Gauge("everlong_running_requests", "Requests that run.", lambda: limits.running),
            Gauge("everlong_queued_requests", "Requests that wait.", lambda: limits.waiting),
            Gauge("everlong_model_version", "The version that serves.", version),
        ]
        self._known: set[str] = set()

    def answered(self, protocol: str, signature: str, code: str, seconds: float) -> None:
        """Counts a request, whether it got scores or not.

        Args:
          protocol: rest or grpc.
          signature: that it asked for; one that no model has counts as "".
          code: of the answer, as gRPC names it.
          seconds: that it took.
        """
        known = signature if signature in self._known else ""
        self._requests.add(protocol, known, code)
        self._seconds.observe(seconds, known)

    def knows(self, signature: str) -> None:
        """Takes note of a signature that a model has."""
        self._known.add(signature)

    def scored(self, inputs: Arrays, outputs: Arrays) -> None:
        """Looks at what a model was asked and said."""
        for length in _lengths(inputs):
            self._lengths.observe(length)
        for name, array in outputs.items():
            if name.startswith(features.PROBABILITY):
                given = array[array != 0]  # 0 is padding: where a user has fewer targets
                self._scores.add(name, by=float(given.sum(dtype=np.float64)))
                self._scored.add(name, by=given.size)

    def text(self) -> bytes:
        """What Prometheus reads."""
        return prometheus.text(self._metrics)


def _lengths(inputs: Arrays) -> list[int]:
    """The length of each user's history."""
    if features.HISTORY_LENGTH in inputs:
        return inputs[features.HISTORY_LENGTH].tolist()
    return [_length(serialized) for serialized in inputs.get(_EXAMPLES, ())]


def _length(serialized: bytes) -> int:
    example = tf.train.Example()
    with contextlib.suppress(DecodeError):  # of names that are no UTF-8, which graphs pass over
        example.ParseFromString(serialized)
    return len(example.features.feature[features.HISTORY_TIME].int64_list.value)
