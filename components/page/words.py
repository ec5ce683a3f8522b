"""How the report names and writes things."""

from __future__ import annotations

import math


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


def tone(better: int, lower: float | None, upper: float | None) -> str:
    """How a difference is coloured: "better" or "worse" if its interval leaves out zero.

    Args:
      better: 1 if more is better, -1 if less is, 0 if neither.
      lower, upper: ends of the interval; None or NaN: there is none.
    """
    if not better or lower is None or upper is None or not (lower > 0 or upper < 0):
        return ""
    return "better" if (lower > 0) == (better > 0) else "worse"
