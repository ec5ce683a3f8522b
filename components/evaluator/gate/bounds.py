"""The gate's bounds and comparisons: what each wants, whether it holds, and how it is told."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from components.evaluator.config import GateConfig, SliceRule
from components.evaluator.gate.bootstrap import Interval
from components.evaluator.gate.check import Check, Comparison
from components.evaluator.gate.power import NORMAL, detectable, power
from components.scoring import slice_labels

NAMES = {
    "auc": "AUC",
    "gauc": "GAUC",
    "uauc": "UAUC",
    "logloss": "LogLoss",
    "calibration": "calibration",
}


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
    reach = -NORMAL.inv_cdf(tail)
    fallen = 0
    for key, comparison in compared:
        two = comparison.difference
        best = two.estimate + reach * two.error
        if best < -gate.slice_tolerance:
            fallen += 1
            yield Check(
                "slice",
                False,
                f"{_where(key)}AUC must be at most {gate.slice_tolerance:g} below the "
                f"{comparison.baseline:.4f} of the latest blessed model ({_change(two, gate)})",
                "auc",
                key,
                two.estimate,
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
    told = f"{name} {one.estimate:.4f} ({_interval(one, gate)})"
    if passed:
        text = f"{told} is {wanted}"
    elif math.isnan(one.estimate):
        text = f"{name} is not defined on this eval split; it must be {wanted}"
    elif inside(one.estimate, one.estimate):
        code = "power"
        text = (
            f"{told} must be {wanted} with its whole interval: the eval split is too small to tell"
        )
    else:
        text = f"{told} must be {wanted}"
    near = least if most is None or (least is not None and one.estimate < 1) else most
    return Check(
        code, passed, text, found.metric, where or {}, one.estimate, one.lower, one.upper, near
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
    if math.isnan(two.estimate):
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
        more = f"{_up((needed / tolerance) ** 2)} times as many users, or " if tolerance else ""
        text = (
            f"{name} must be at most {tolerance:g} {side} {base}, and the eval split is too small "
            "to tell: it would bless an equally good model with a chance of "
            f"{math.floor(chance * 100)} % only; {more}a tolerance of {_up(needed)} would do"
        )
    return Check(
        code, passed, text, found.metric, where or {}, two.estimate, two.lower, two.upper,
        -sign * tolerance,
    )  # fmt: skip


def _up(needed: float) -> str:
    """What suffices: a positive number rounded up to two digits."""
    digits = 1 - math.floor(math.log10(needed))
    return f"{math.ceil(needed * 10**digits) / 10**digits:g}"


def _wanted(least: float | None, most: float | None) -> str:
    if most is None:
        return f"at least {least:g}"
    return f"at most {most:g}" if least is None else f"in {least:g}–{most:g}"


def _where(key: Mapping[str, str] | None) -> str:
    return "".join(
        f"where {slice_labels.feature_label(feature).lower()} {_is(feature, value)}, "
        for feature, value in (key or {}).items()
    )


def _is(feature: str, value: str) -> str:
    bounds = value.startswith(("<", ">"))  # of a rule
    return value if bounds else f"is {slice_labels.value_label(feature, value)}"


def _interval(found: Interval, gate: GateConfig) -> str:
    return f"{gate.confidence * 100:g} % interval {found.lower:.4f}–{found.upper:.4f}"


def _change(found: Interval, gate: GateConfig) -> str:
    ends = f"{found.lower:+.4f} to {found.upper:+.4f}"
    return f"{found.estimate:+.4f}, {gate.confidence * 100:g} % interval {ends}"
