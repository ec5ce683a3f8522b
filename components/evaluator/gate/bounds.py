"""The gate's bounds and comparisons: what each wants, whether it holds, and how it is told."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from components.evaluator.config import GateConfig, LabelRule, SliceRule
from components.evaluator.gate.bootstrap import Interval
from components.evaluator.gate.check import UNDEFINED, Check, Comparison, SliceFound
from components.evaluator.gate.power import NORMAL, detectable, power
from components.evaluator.holm import holm
from components.scoring import slice_labels
from models.metric_table import METRICS, of_drawn

_SHOWN = 3  # slices that a sentence names


def bounds(overall: Mapping[str, Comparison], gate: GateConfig, drawn: int = 0) -> Iterator[Check]:
    """Floors, ceilings and the calibration band, over all targets.

    Args:
      overall: by metric.
      gate: the bounds.
      drawn: negatives that were drawn for each positive: calibration is then not judged.
    """
    for metric, worst in gate.worst.items():
        least, most = (worst, None) if METRICS[metric].better > 0 else (None, worst)
        yield _bound(overall[metric], gate, least, most)
    if gate.calibration is not None and drawn:
        text = f"calibration is not judged: it is {of_drawn(drawn)}"
        yield Check("calibration", True, text, "calibration")
    elif gate.calibration is not None:
        least, most = gate.calibration
        yield _bound(overall["calibration"], gate, least, most, code="calibration")


def label(wanted: LabelRule, found: Mapping[str, Comparison], gate: GateConfig) -> Iterator[Check]:
    """What a rule wants of a label beside the primary one."""
    if wanted.min_auc is not None:
        yield _bound(found["auc"], gate, least=wanted.min_auc)
    if found["auc"].difference is not None:
        yield from _tolerances(found, wanted.tolerance, gate, "the label's tolerance")


def tolerances(overall: Mapping[str, Comparison], gate: GateConfig) -> Iterator[Check]:
    """The losses against the latest blessed model, over all targets.

    A metric without a value is told and decides nothing; if none has one, nothing shows that the
    candidate is no worse, and that fails.
    """
    yield from _tolerances(overall, gate.tolerance, gate, "gate.tolerance")


def _tolerances(
    overall: Mapping[str, Comparison], tolerated: Mapping[str, float], gate: GateConfig, key: str
) -> Iterator[Check]:
    undefined = 0
    for metric, tolerance in tolerated.items():
        found = overall[metric]
        assert found.difference is not None, "there is a baseline, so all metrics are compared"
        if math.isnan(found.difference.estimate):
            undefined += 1
            text = f"{_no_value(found, gate)}, so it was not compared"
            yield Check(UNDEFINED, True, text, metric)
        else:
            yield _loss(found, found.difference, tolerance, gate)
    if undefined and undefined == len(tolerated):
        text = (
            f"no metric of {key} has a value on this eval split, so nothing shows that the model "
            "is no worse: enlarge the split, or name others"
        )
        yield Check(UNDEFINED, False, text)


def slices(found: Sequence[SliceFound], gate: GateConfig) -> Iterator[Check]:
    """Whether any slice is certainly worse, and by more than `slice_tolerance`.

    Of many slices some look worse by chance. So those that refuse must be worse with all slices
    taken together (Holm, on one-sided p-values of the bootstrap's standard errors), and lose more
    than is tolerated by estimate. Those that are worse when taken alone are told, with how many
    would be by chance. Slices of the very same targets count once.
    """
    compared = [
        (one, two)
        for one in found
        if (two := one.comparison.difference) is not None and not one.again
    ]
    distinct = [one for one, _ in compared]
    if gate.slice_tolerance is None or not distinct:
        return
    tail = (1 - gate.confidence) / 2
    adjusted = holm([_chance_of_loss(two) for _, two in compared])
    fallen, alone = [], []
    for (one, two), p_value in zip(compared, adjusted, strict=True):
        if p_value <= tail and two.estimate < -gate.slice_tolerance:
            fallen.append((one, two))
        elif two.upper < 0:
            alone.append((one, two))
    for one, two in fallen:
        text = (
            f"{_where(one.slice)}AUC is worse, all {len(distinct)} slices taken together: it must "
            f"be at most {gate.slice_tolerance:g} below the {one.comparison.baseline:.4f} of the "
            f"latest blessed model ({_change(two, gate)})"
        )
        yield Check(
            "slice", False, text, "auc", one.slice, two.estimate, two.lower, two.upper,
            -gate.slice_tolerance,
        )  # fmt: skip
    if not fallen:
        yield Check("slice", True, _no_slice(distinct, alone, gate), "auc")


def detectable_loss(
    one: SliceFound, found: Sequence[SliceFound], gate: GateConfig
) -> dict[str, float]:
    """The loss of AUC that would refuse with `min_power`, all slices taken together.

    It must be certain, and by estimate more than is tolerated.
    """
    two = one.comparison.difference
    if two is None:
        return {}
    count = sum(not other.again for other in found)
    confidence = 1 - (1 - gate.confidence) / count
    certain = detectable(two.error, gate.min_power, confidence)
    beyond = (gate.slice_tolerance or 0.0) + NORMAL.inv_cdf(gate.min_power) * two.error
    return {"detectable": max(certain, beyond)}


def _chance_of_loss(two: Interval) -> float:
    """One-sided p-value of no loss; that of the replicas alone could not be small enough."""
    if two.error == 0:
        return float(two.estimate >= 0)
    return NORMAL.cdf(two.estimate / two.error)


def _no_slice(
    distinct: Sequence[SliceFound],
    alone: Sequence[tuple[SliceFound, Interval]],
    gate: GateConfig,
) -> str:
    could = [detectable_loss(one, distinct, gate)["detectable"] for one in distinct]
    text = (
        f"in none of {len(distinct)} slices, taken together, is AUC certainly worse and by more "
        f"than {gate.slice_tolerance:g}; losses of {min(could):.2g} to {max(could):.2g} could have "
        f"been found with a chance of {gate.min_power:.0%}"
    )
    if not alone:
        return text
    by_chance = len(distinct) * (1 - gate.confidence) / 2
    shown = "; ".join(f"{_where(one.slice)}{_change(two, gate)}" for one, two in alone[:_SHOWN])
    more = f"; and {len(alone) - _SHOWN} more" if len(alone) > _SHOWN else ""
    return (
        f"taken alone, AUC is worse in {len(alone)} of {len(distinct)} slices, where "
        f"{by_chance:.2g} would be by chance: {shown}{more}; {text}"
    )


def rule(wanted: SliceRule, found: Comparison, gate: GateConfig) -> list[Check]:
    """What a rule wants of its slice."""
    made = []
    if wanted.min_auc is not None:
        made.append(_bound(found, gate, least=wanted.min_auc, where=wanted.slice))
    if wanted.max_drop is not None and found.difference is not None:
        made.append(_loss(found, found.difference, wanted.max_drop, gate, where=wanted.slice))
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
    told = f"{_where(where)}{found.label} {one.estimate:.4f} ({_interval(one, gate)})"
    if passed:
        text = f"{told} is {wanted}"
    elif math.isnan(one.estimate):
        text = f"{_where(where)}{_no_value(found, gate)}; it must be {wanted}"
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


def _no_value(found: Comparison, gate: GateConfig) -> str:
    if found.users:
        return (
            f"{found.label} has no value on this eval split: it stands on {found.users:,.1f} "
            f"effective users, fewer than the {gate.min_users} of gate.min_users"
        )
    return f"{found.label} is not defined on this eval split"


def _loss(
    found: Comparison,
    two: Interval,
    tolerance: float,
    gate: GateConfig,
    where: dict[str, str] | None = None,
) -> Check:
    name = f"{_where(where)}{found.label}"
    sign = METRICS[found.metric].better
    worst, best = sorted((sign * two.lower, sign * two.upper))
    side, other = ("below", "above") if sign > 0 else ("above", "below")
    base = f"the {found.baseline:.4f} of the latest blessed model ({_change(two, gate)})"
    code, passed = "tolerance", worst >= -tolerance
    chance = power(two.error, tolerance, gate.confidence)
    if passed and worst > 0:
        text = f"{name} is better, certainly {other} {base}"
    elif passed and best < 0:
        text = f"{name} is worse, but by no more than the {tolerance:g} tolerated: {side} {base}"
    elif passed:
        text = f"{name} is no worse, at most {tolerance:g} {side} {base}"
    elif best < 0:
        text = f"{name} is worse, certainly {side} {base}: at most {tolerance:g} is tolerated"
    else:
        text = f"{name} is not shown to be no worse, at most {tolerance:g} {side} {base}"
        if chance < gate.min_power:
            code = "power"
            text += (
                ", and the eval split is too small to tell: "
                f"{_remedy(two, max(0.0, -sign * two.estimate), worst, tolerance, gate)}"
            )
    return Check(
        code, passed, text, found.metric, where or {}, two.estimate, two.lower, two.upper,
        -sign * tolerance,
    )  # fmt: skip


def _remedy(two: Interval, lost: float, worst: float, tolerance: float, gate: GateConfig) -> str:
    """What would bless a model: so that it holds of this one too, and not of an equal one alone.

    More users bless none that loses more than is tolerated.
    """
    chance = power(two.error, tolerance, gate.confidence)
    needed = detectable(two.error, gate.min_power, gate.confidence)
    room = tolerance - lost
    more = f"{_up((needed / room) ** 2)} times as many users, or " if room > 0 else ""
    return (
        f"it would bless an equally good model with a chance of {math.floor(chance * 100)} % only; "
        f"{more}a tolerance of {_up(max(needed, -worst))} would do"
    )


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
