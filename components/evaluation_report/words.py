"""How the report names and writes things."""

from __future__ import annotations

import math
from typing import NamedTuple


class Metric(NamedTuple):
    """How a metric is shown."""

    label: str
    meaning: str
    higher_is_better: bool | None  # None: neither; it should be near 1


METRICS = {
    "auc": Metric("AUC", "chance that a click outranks a non-click", True),
    "gauc": Metric("GAUC", "the same within users, weighted by their targets", True),
    "uauc": Metric("UAUC", "the same within users, all weighing alike", True),
    "logloss": Metric("LogLoss", "mean cross-entropy, in nats", False),
    "normalized_entropy": Metric(
        "Normalized entropy", "LogLoss over that of always predicting the click rate", False
    ),
    "calibration": Metric("Calibration", "predicted over observed clicks", None),
    "ece": Metric("ECE", "mean distance of predicted from observed click rates, in 20 bins", False),
    "oracle_auc": Metric(
        "Oracle's AUC", "of the true click probability: no model can beat it", True
    ),
}

_FEATURES = {
    "slice_history_length": "History length",
    "slice_user_activity": "User activity",
    "slice_item_rank": "Item popularity rank",
    "slice_novelty": "Novelty",
}
# Their values are powers of two, each for the numbers up to the next.
_RANGES = {"slice_history_length", "slice_user_activity", "slice_item_rank"}


def feature_label(name: str) -> str:
    """A slicing feature in words."""
    plain = name.removeprefix("slice_").removeprefix("target_")
    return _FEATURES.get(name, plain.replace("_", " ").capitalize())


def feature_rank(name: str) -> int:
    """Where a slicing feature stands among others: known ones first."""
    return [*_FEATURES, name].index(name)


def is_ordered(name: str) -> bool:
    """Whether the values of a slicing feature follow one another."""
    return name in _RANGES


def value_label(feature: str, value: str) -> str:
    """A slice's value: a power of two stands for the numbers up to the next one."""
    if feature not in _RANGES or not value.isdigit():
        return value
    low = int(value)
    if feature == "slice_item_rank" and not low:
        return "not in training"
    return f"{low}" if low < 2 else f"{low:,}–{2 * low - 1:,}"


def decimals(value: float | None, digits: int = 4) -> str:
    """A number with a fixed number of decimals; a dash where there is none."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def signed(value: float | None) -> str:
    """A difference with its sign."""
    return "–" if value is None or not math.isfinite(value) else f"{value:+.4f}".replace("-", "−")


def count(value: float) -> str:
    """A whole number with separators."""
    return f"{value:,.0f}"


def share(part: float, whole: float) -> str:
    """A part of a whole in per cent."""
    return f"{part / whole:.1%}" if whole else "–"


def number(value: float) -> str:
    """A statistic of any size, short."""
    text = count(value) if abs(value) >= 10_000 or float(value).is_integer() else f"{value:.4g}"
    return text.replace("-", "−")


def seconds(value: float) -> str:
    """A duration."""
    if value < 120:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
