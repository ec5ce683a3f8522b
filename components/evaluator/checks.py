"""The gate's single checks: what each wants, whether it holds, and how it is told.

References:
  Power: Julious, Sample sizes for clinical trials with Normal data, Statistics in Medicine 2004.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from components.evaluator import slice_words
from components.evaluator.bootstrap import Interval
from components.evaluator.config import GateConfig, SliceRule

if TYPE_CHECKING:
    from components.evaluator.gate import Scored

NAMES = {
    "auc": "AUC",
    "gauc": "GAUC",
    "uauc": "UAUC",
    "logloss": "LogLoss",
    "calibration": "calibration",
}
_NORMAL = statistics.NormalDist()


@dataclasses.dataclass(frozen=True)
class Check:
    """One check and its outcome.

    Attributes:
      code: for machines. "scores", "labels", "users", "schema": whether anything can be told.
        "floor", "calibration", "tolerance", "slice": a bound or a comparison. "power": one that
        this split is too small to decide. "baseline": there is nothing to compare with;
        "baseline_scores": there is, but its scores cannot be used.
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
BASELINE_SCORES = "baseline_scores"


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A metric of the candidate, and how it differs from the latest blessed model's.

    Attributes:
      metric: its name.
      candidate: its interval.
      baseline: of the latest blessed model, or None.
      difference: interval of candidate - baseline, or None.
    """

    metric: str
    candidate: Interval
    baseline: float | None = None
    difference: Interval | None = None

    def to_json(self) -> dict[str, float]:
        """As plain JSON."""
        one = self.candidate
        found = {
            "candidate": one.difference,
            "candidate_lower": one.lower,
            "candidate_upper": one.upper,
        }
        if self.difference is None:
            return found
        two = self.difference
        return found | {
            "baseline": self.baseline,
            "difference": two.difference,
            "lower": two.lower,
            "upper": two.upper,
            "p_value": two.p_value,
        }


def usable(scored: Scored, gate: GateConfig) -> Iterator[Check]:
    """Whether scores, labels and users allow any judgement."""
    fault = _fault("the model", scored.candidate)
    text = "the scores of the model are finite and differ" if fault is None else fault
    yield Check("scores", fault is None, text)
    positives = int(scored.labels.sum())
    both = 0 < positives < len(scored.labels)
    found = f"{positives:,} of the {len(scored.labels):,} targets of the eval split are clicks"
    yield Check("labels", both, found if both else f"{found}: nothing can be told of one class")
    users = scored.effective_users
    enough = users >= gate.min_users
    text = f"the eval split has {users:,.0f} effective users"
    if not enough:
        text += (
            f", fewer than the {gate.min_users} of gate.min_users from which intervals can be "
            "told: it is too small, or a few users hold most targets"
        )
    yield Check("users", enough, text, value=users, bound=gate.min_users)


def baseline_scores(scored: Scored) -> Check | None:
    """The latest blessed model, if its scores allow no comparison: a warning, never a refusal.

    Else a blessed model that fails on new data would keep every later one from being blessed.
    """
    if scored.baseline is None:
        return None
    fault = _fault("the latest blessed model", scored.baseline)
    if fault is None:
        return None
    text = f"{fault}, so it was not compared with: absolute rules alone decided"
    return Check(BASELINE_SCORES, True, text)


def schema(incompatible: str, gate: GateConfig) -> Check:
    """The latest blessed model cannot score the examples."""
    text = (
        f"the schema changed, so that the latest blessed model cannot be compared: {incompatible}"
    )
    if gate.on_schema_change == "judge_alone":
        return Check(
            "schema", True, f"{text}; gate.on_schema_change lets this model be judged alone"
        )
    return Check(
        "schema", False, f"{text}; gate.on_schema_change: judge_alone would judge this model alone"
    )


def no_baseline() -> Check:
    """There is no earlier model."""
    return Check("baseline", True, "there is no earlier blessed model to be compared with")


def bounds(overall: Mapping[str, Comparison], gate: GateConfig) -> Iterator[Check]:
    """Floors, ceilings and the calibration band, over all targets."""
    yield _bound(overall["auc"], gate, least=gate.min_auc)
    if gate.min_gauc is not None:
        yield _bound(overall["gauc"], gate, least=gate.min_gauc)
    if gate.max_logloss is not None:
        yield _bound(overall["logloss"], gate, most=gate.max_logloss)
    if gate.calibration is not None:
        least, most = gate.calibration
        yield _bound(overall["calibration"], gate, least, most, code="calibration")


def tolerances(overall: Mapping[str, Comparison], gate: GateConfig) -> Iterator[Check]:
    """The losses against the latest blessed model, over all targets."""
    for metric, tolerance in gate.tolerance.items():
        yield _loss(overall[metric], tolerance, gate)


def slices(
    found: Sequence[tuple[dict[str, str], int, int, Comparison]], gate: GateConfig
) -> Iterator[Check]:
    """Whether any slice has certainly lost more than `slice_tolerance`; Bonferroni over slices."""
    compared = [(key, c) for key, _, _, c in found if c.difference is not None]
    if gate.slice_tolerance is None or not compared:
        return
    tail = (1 - gate.confidence) / 2 / len(compared)
    reach = -_NORMAL.inv_cdf(tail)
    fallen = 0
    for key, comparison in compared:
        two = comparison.difference
        best = two.difference + reach * two.error
        if best < -gate.slice_tolerance:
            fallen += 1
            yield Check(
                "slice",
                False,
                f"{_where(key)}AUC must be at most {gate.slice_tolerance:g} below the "
                f"{comparison.baseline:.4f} of the latest blessed model ({_change(two, gate)})",
                "auc",
                key,
                two.difference,
                two.lower,
                best,
                -gate.slice_tolerance,
            )
    if not fallen:
        text = f"in none of {len(compared)} slices has AUC certainly lost more than "
        yield Check("slice", True, f"{text}{gate.slice_tolerance:g}", "auc")


def rule(wanted: SliceRule, found: Comparison, gate: GateConfig) -> list[Check]:
    """What a rule wants of its slice."""
    made = []
    if wanted.min_auc is not None:
        made.append(_bound(found, gate, least=wanted.min_auc, where=wanted.slice))
    if wanted.max_drop is not None and found.difference is not None:
        made.append(_loss(found, wanted.max_drop, gate, where=wanted.slice))
    return made


def small_slice(wanted: SliceRule, users: float, gate: GateConfig) -> Check:
    """A rule whose slice does not allow a judgement."""
    text = (
        f"{_where(wanted.slice)}the eval split is too small for the rule of gate.slice_rules: "
        f"{users:,.0f} effective users of at least {gate.min_users}, both labels needed"
    )
    return Check("power", False, text, "auc", wanted.slice, users, bound=gate.min_users)


def power(error: float, tolerance: float, confidence: float) -> float:
    """Chance that an equally good model is found to lose at most `tolerance`.

    `Phi(tolerance / error - z)`, z the normal quantile of (1 + confidence) / 2 (Julious 2004).

    Args:
      error: standard error of the difference.
      tolerance: loss that is allowed.
      confidence: of the two-sided interval.
    """
    if error == 0:
        return 1.0
    return _NORMAL.cdf(tolerance / error - _NORMAL.inv_cdf((1 + confidence) / 2))


def detectable(error: float, wanted_power: float, confidence: float) -> float:
    """The tolerance at which `power` is `wanted_power`."""
    return error * (_NORMAL.inv_cdf((1 + confidence) / 2) + _NORMAL.inv_cdf(wanted_power))


def _bound(
    found: Comparison,
    gate: GateConfig,
    least: float | None = None,
    most: float | None = None,
    code: str = "floor",
    where: dict[str, str] | None = None,
) -> Check:
    one = found.candidate

    def inside(low: float, high: float) -> bool:
        return (least is None or low >= least) and (most is None or high <= most)

    passed = inside(one.lower, one.upper)
    wanted = _wanted(least, most)
    name = f"{_where(where)}{NAMES[found.metric]}"
    told = f"{name} {one.difference:.4f} ({_interval(one, gate)})"
    if passed:
        text = f"{told} is {wanted}"
    elif math.isnan(one.difference):
        text = f"{name} is not defined on this eval split; it must be {wanted}"
    elif inside(one.difference, one.difference):
        code = "power"
        text = (
            f"{told} must be {wanted} with its whole interval: the eval split is too small to tell"
        )
    else:
        text = f"{told} must be {wanted}"
    near = least if most is None or (least is not None and one.difference < 1) else most
    return Check(
        code, passed, text, found.metric, where or {}, one.difference, one.lower, one.upper, near
    )


def _loss(
    found: Comparison, tolerance: float, gate: GateConfig, where: dict[str, str] | None = None
) -> Check:
    two, name = found.difference, f"{_where(where)}{NAMES[found.metric]}"
    # LogLoss is better when it is lower.
    sign = -1 if found.metric == "logloss" else 1
    worst, best = sorted((sign * two.lower, sign * two.upper))
    side, other = ("below", "above") if sign > 0 else ("above", "below")
    base = f"the {found.baseline:.4f} of the latest blessed model ({_change(two, gate)})"
    code, passed = "tolerance", worst >= -tolerance
    chance = power(two.error, tolerance, gate.confidence)
    if math.isnan(two.difference):
        # Such as GAUC of one target a user: no model has it, so none can have lost it.
        passed, text = True, f"{name} is not defined on this eval split and is not compared"
    elif passed and worst > 0:
        text = f"{name} is certainly {other} {base}"
    elif passed:
        text = f"{name} is at most {tolerance:g} {side} {base}"
    elif best < -tolerance or chance >= gate.min_power:
        text = f"{name} must be at most {tolerance:g} {side} {base}"
    else:
        code = "power"
        needed = detectable(two.error, gate.min_power, gate.confidence)
        more = f"{(needed / tolerance) ** 2:.1f} times as many users, or " if tolerance else ""
        text = (
            f"{name} must be at most {tolerance:g} {side} {base}, and the eval split is too small "
            f"to tell: it would bless an equally good model with a chance of {chance:.0%} only; "
            f"{more}a tolerance of {needed:.2g} would do"
        )
    return Check(
        code, passed, text, found.metric, where or {}, two.difference, two.lower, two.upper,
        -sign * tolerance,
    )  # fmt: skip


def _fault(name: str, scores: np.ndarray) -> str | None:
    """Why nothing can be told from a model's scores [N]; None if it can."""
    wrong = int((~np.isfinite(scores)).sum())
    outside = int(((scores < 0) | (scores > 1)).sum())
    if wrong:
        return f"{wrong:,} of {len(scores):,} scores of {name} are NaN or infinite"
    if outside:
        return f"{outside:,} of {len(scores):,} scores of {name} are no probabilities"
    if len(scores) and scores.min() == scores.max():
        return f"{name} gives every target the same score, {scores[0]:.4g}"
    return None


def _wanted(least: float | None, most: float | None) -> str:
    if most is None:
        return f"at least {least:g}"
    return f"at most {most:g}" if least is None else f"in {least:g}–{most:g}"


def _where(key: Mapping[str, str] | None) -> str:
    return "".join(
        f"where {slice_words.feature_label(feature).lower()} {_is(feature, value)}, "
        for feature, value in (key or {}).items()
    )


def _is(feature: str, value: str) -> str:
    bounds = value.startswith(("<", ">"))  # of a rule
    return value if bounds else f"is {slice_words.value_label(feature, value)}"


def _interval(found: Interval, gate: GateConfig) -> str:
    return f"{gate.confidence * 100:g} % interval {found.lower:.4f}–{found.upper:.4f}"


def _change(found: Interval, gate: GateConfig) -> str:
    ends = f"{found.lower:+.4f} to {found.upper:+.4f}"
    return f"{found.difference:+.4f}, {gate.confidence * 100:g} % interval {ends}"


def without_nan(value: Any) -> Any:
    """The same plain data with null for every number that is not finite."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
