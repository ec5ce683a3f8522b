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
