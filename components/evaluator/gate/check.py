"""One check of the gate, and the comparison that most of them judge."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from components.evaluator.gate.bootstrap import Interval


@dataclasses.dataclass(frozen=True)
class Check:
    """One check and its outcome.

    Attributes:
      code: for machines. "scores", "labels", "users", "schema": whether anything can be told.
        "floor", "calibration", "tolerance", "slice": a bound or a comparison. "power": one that
        this split is too small to decide. "undefined": one for which it has no value. "baseline":
        there is nothing to compare with; "baseline_scores": there is, but its scores cannot be
        used; "split": it may have learned from what judges it.
      passed: the outcome.
      sentence: the same in words.
      metric: what was judged, if a metric.
      slice: on which targets, by feature; empty: all.
      value, lower, upper: of the metric, or of its difference if that was judged.
      bound: the least, the most, or the tolerance; for calibration the one that is nearer.
    """

    code: str
    passed: bool
    sentence: str
    metric: str = ""
    slice: dict[str, str] = dataclasses.field(default_factory=dict)
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    bound: float | None = None


# Checks that say nothing of the model when they pass.
SILENT = frozenset({"scores", "labels", "users"})
BASELINE_SCORES, UNDEFINED, SPLIT = "baseline_scores", "undefined", "split"


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A metric of the candidate, and how it differs from the latest blessed model's.

    Attributes:
      metric: its name.
      label: what it is called.
      users: effective number of users that it stands on.
      candidate: its interval; NaN where there is no value.
      baseline: of the latest blessed model, or None.
      difference: interval of candidate - baseline, or None.
    """

    metric: str
    label: str
    users: float
    candidate: Interval
    baseline: float | None = None
    difference: Interval | None = None

    def to_json(self) -> dict[str, float]:
        """As plain JSON."""
        one = self.candidate
        found = {
            "users": round(self.users, 1),
            "candidate": one.estimate,
            "candidate_lower": one.lower,
            "candidate_upper": one.upper,
        }
        two = self.difference
        if two is None or self.baseline is None:
            return found
        return found | {
            "baseline": self.baseline,
            "difference": two.estimate,
            "lower": two.lower,
            "upper": two.upper,
            "p_value": two.p_value,
        }


class SliceFound(NamedTuple):
    """AUC of a slice that has enough users to tell.

    Attributes:
      slice: value by feature.
      targets, users: their numbers.
      comparison: of AUC.
      again: whether an earlier slice holds the very same targets.
    """

    slice: dict[str, str]
    targets: int
    users: int
    comparison: Comparison
    again: bool
