"""The gate as a list of rules: one source for TFMA's thresholds and for the reasons in words."""

from __future__ import annotations

import dataclasses
from typing import Literal

from components.evaluator.config import GateConfig


@dataclasses.dataclass(frozen=True)
class Rule:
    """One bound on one metric of the Overall slice.

    Attributes:
      metric: name of the metric.
      kind: "least" and "most" bound its value; "drop" bounds baseline - value.
      bound: the bound, which itself is allowed.
    """

    metric: str
    kind: Literal["least", "most", "drop"]
    bound: float

    def holds(self, value: float, baseline: float | None) -> bool:
        """Whether `value` passes; NaN never does. Without a baseline, a drop cannot be."""
        if self.kind == "least":
            return value >= self.bound
        if self.kind == "most":
            return value <= self.bound
        return baseline is None or value - baseline >= -self.bound

    def sentence(self, value: float, baseline: float | None) -> str:
        """The rule and what was found, in words."""
        name = self.metric.upper() if self.metric in ("auc", "gauc") else self.metric
        verb = "is" if self.holds(value, baseline) else "must be"
        if self.kind == "drop":
            if baseline is None:
                return f"{name} {value:.4f} has no earlier blessed model to be compared with"
            return (
                f"{name} {value:.4f} {verb} at most {self.bound:g} below the {baseline:.4f} of the "
                f"latest blessed model ({value - baseline:+.4f})"
            )
        return f"{name} {value:.4f} {verb} at {self.kind} {self.bound:g}"


def rules(gate: GateConfig) -> list[Rule]:
    """All rules that the gate sets, in the order in which they are told."""
    found = [Rule("auc", "least", gate.min_auc)]
    if gate.min_gauc is not None:
        found.append(Rule("gauc", "least", gate.min_gauc))
    if gate.max_logloss is not None:
        found.append(Rule("logloss", "most", gate.max_logloss))
    if gate.calibration is not None:
        found.append(Rule("calibration", "least", gate.calibration[0]))
        found.append(Rule("calibration", "most", gate.calibration[1]))
    if gate.max_drop is not None:
        found += [Rule(metric, "drop", gate.max_drop) for metric in ("auc", "gauc")]
    return found
