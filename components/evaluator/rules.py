"""The gate as a list of rules: one source for TFMA's thresholds and for the reasons in words."""

from __future__ import annotations

import dataclasses

from components.evaluator.config import GateConfig

_NAMES = {"auc": "AUC", "gauc": "GAUC", "logloss": "LogLoss"}


@dataclasses.dataclass(frozen=True)
class Rule:
    """What one metric of the Overall slice must satisfy; a bound itself is allowed.

    Attributes:
      metric: its name.
      least, most: bounds of its value, or None.
      max_drop: most by which it may be below the latest blessed model's, or None.
    """

    metric: str
    least: float | None = None
    most: float | None = None
    max_drop: float | None = None

    def holds(self, value: float, baseline: float | None) -> bool:
        """Whether `value` passes; NaN never does. Without a baseline nothing can drop."""
        if self.max_drop is not None:
            return baseline is None or value - baseline >= -self.max_drop
        low = value >= self.least if self.least is not None else True
        return low and (value <= self.most if self.most is not None else True)

    def sentence(self, value: float, baseline: float | None) -> str:
        """What was found, and what the rule wants, in words."""
        found = f"{_NAMES.get(self.metric, self.metric)} {value:.4f}"
        verb = "is" if self.holds(value, baseline) else "must be"
        if self.max_drop is None:
            return f"{found} {verb} {self._bounds()}"
        if baseline is None:
            return f"{found} has no earlier blessed model to be compared with"
        return (
            f"{found} {verb} at most {self.max_drop:g} below the {baseline:.4f} of the latest "
            f"blessed model ({value - baseline:+.4f})"
        )

    def _bounds(self) -> str:
        if self.most is None:
            return f"at least {self.least:g}"
        return (
            f"at most {self.most:g}" if self.least is None else f"in {self.least:g}–{self.most:g}"
        )


def rules(gate: GateConfig) -> list[Rule]:
    """All rules that the gate sets, in the order in which they are told."""
    found = [Rule("auc", least=gate.min_auc)]
    if gate.min_gauc is not None:
        found.append(Rule("gauc", least=gate.min_gauc))
    if gate.max_logloss is not None:
        found.append(Rule("logloss", most=gate.max_logloss))
    if gate.calibration is not None:
        found.append(Rule("calibration", *gate.calibration))
    if gate.max_drop is not None:
        found += [Rule(metric, max_drop=gate.max_drop) for metric in ("auc", "gauc")]
    return found
