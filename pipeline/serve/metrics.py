"""What a server counts: requests, their time, the queue, and what the model is asked and says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from components.saved_model import Arrays
from models import features
from pipeline.serve import prometheus
from pipeline.serve.asked import User
from pipeline.serve.drift import Drift
from pipeline.serve.expected import Expected
from pipeline.serve.limits import Limits
from pipeline.serve.prometheus import Counter, Gauge, Histogram, Metric

_SECONDS = (.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10)  # fmt: skip
_BEHAVIORS = (0, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)
_PROBABILITIES = (.001, .002, .005, .01, .02, .05, .1, .2, .5)  # fmt: skip
_NEWEST = 20  # behaviours of a history whose ids are looked at


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
        self._ids = Counter(
            "everlong_ids_total",
            f"Ids asked about, of a history those of the newest {_NEWEST} behaviours.",
            ("input",),
        )
        self._unknown = Counter(
            "everlong_unknown_ids_total", "Those of them that the model does not know.", ("input",)
        )
        self._scores = Histogram("everlong_score", "Scores given.", _PROBABILITIES, ("output",))
        self._drift = Drift()
        self._metrics: list[Metric] = [
            self._requests,
            self._seconds,
            self._lengths,
            self._ids,
            self._unknown,
            self._scores,
            Gauge(
                "everlong_score_drift",
                "Population stability index of the latest scores against those of validation.",
                self._drift.value,
            ),
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

    def scored(self, expected: Expected, users: Iterable[User], outputs: Arrays) -> None:
        """Looks at what a model was asked and said.

        Args:
          expected: by the version that answered.
          users: that it was asked about.
          outputs: of a signature.
        """
        for length, values in users:
            self._lengths.observe(length)
            for name in expected.known:
                asked = _ids(name, values.get(name, ()), length)
                self._ids.add(name, by=len(asked))
                self._unknown.add(name, by=expected.unknown(name, asked))
        for name, array in outputs.items():
            if name.startswith(features.PROBABILITY):
                given = array[array != 0]  # 0 is padding: where a user has fewer targets
                self._scores.observe(given, name)
                if name == features.PROBABILITY and len(expected.shares):
                    self._drift.add(expected, given)

    def text(self) -> bytes:
        """What Prometheus reads."""
        return prometheus.text(self._metrics)


def _ids(name: str, values: Sequence, length: int) -> list[int] | list[bytes]:
    """What is looked at of a user's values of an input; an empty text is none, or fills up."""
    part = values[:length][-_NEWEST:] if name.startswith(features.HISTORY_PREFIX) else values
    return [value for value in np.asarray(part).tolist() if value != b""]
