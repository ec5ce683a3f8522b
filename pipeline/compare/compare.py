"""The metrics of two runs on the same targets, and where their differences lie."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import pyarrow as pa

from components.evaluator.gate.bootstrap import LEAST_USERS, interval, replicate
from components.page import words
from components.scoring import predictions, slice_labels
from models.metric_table import JUDGED
from pipeline.compare.targets import OTHER, Matched

CONFIDENCE = 0.95
_MOST_VALUES = 50  # of a feature, that are slices


class Difference(NamedTuple):
    """A metric of both runs on some targets; NaN where they do not define it.

    Attributes:
      a, b: its values.
      difference: b - a.
      lower, upper: ends of the paired, user-clustered interval of the difference; NaN where the
        metric stands on fewer than 30 effective users.
      p_value: two-sided, of no difference; not corrected for the number of slices.
    """

    a: float
    b: float
    difference: float
    lower: float
    upper: float
    p_value: float

    @property
    def told_apart(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.lower > 0 or self.upper < 0


class Row(NamedTuple):
    """The differences on some targets.

    Attributes:
      slice: feature and value; None: all targets.
      targets, users: their numbers.
      metrics: by name.
    """

    slice: tuple[str, str] | None
    targets: int
    users: int
    metrics: dict[str, Difference]

    @property
    def label(self) -> str:
        """The targets in words."""
        if self.slice is None:
            return "All targets"
        feature, value = self.slice
        return f"{slice_labels.feature_label(feature)}: {slice_labels.value_label(feature, value)}"


def compare(found: Matched, replicas: int = 1000, seed: int = 0) -> list[Row]:
    """Compares two runs on all targets, then on every slice.

    Args:
      found: targets scored by both.
      replicas: draws of the bootstrap.
      seed: of the draws.
    """
    rows = [_row(None, found.table, replicas, seed)]
    for name in found.slices:
        values = sorted(found.table[name].unique().to_pylist(), key=_order)
        if len(values) <= _MOST_VALUES:
            for value in values:
                part = found.table.filter(pa.compute.field(name) == value)
                rows.append(_row((name, str(value)), part, replicas, seed))
    return rows


def to_json(rows: list[Row], found: Matched) -> dict[str, Any]:
    """The comparison as plain JSON; what is not defined is null."""
    return {
        "targets": {"a": found.targets[0], "b": found.targets[1], "matched": found.table.num_rows},
        "confidence": CONFIDENCE,
        "protocol": found.protocol,
        "drawn_negatives": found.drawn,
        "differences": list(found.differences),
        "comparisons": [
            {
                "slice": dict([row.slice]) if row.slice else {},
                "targets": row.targets,
                "users": row.users,
                **{
                    name: {k: v if math.isfinite(v) else None for k, v in d._asdict().items()}
                    for name, d in row.metrics.items()
                },
            }
            for row in rows
        ],
    }


def sentence(overall: Row, names: tuple[str, str]) -> str:
    """What the comparison says of AUC."""
    auc = overall.metrics["auc"]
    if math.isnan(auc.difference):
        return "The matched targets have one label only, or a score is not a number: no AUC."
    if math.isnan(auc.lower):
        return (
            f"{overall.users} users, or the few that hold most targets or most of the rarer label, "
            f"are too few to tell {names[1]} from {names[0]}."
        )
    where = f"{words.signed(auc.lower)} to {words.signed(auc.upper)}"
    if not auc.told_apart:
        return f"AUC does not tell {names[1]} from {names[0]}: {where} ({CONFIDENCE:.0%} interval)."
    which = "above" if auc.difference > 0 else "below"
    return (
        f"AUC of {names[1]} is {abs(auc.difference):.4f} {which} that of {names[0]}: {where} "
        f"({CONFIDENCE:.0%} interval)."
    )


def _row(which: tuple[str, str] | None, table: pa.Table, replicas: int, seed: int) -> Row:
    models = [predictions.of_model(table, suffix=suffix) for suffix in (OTHER, "")]
    draws = replicate(models, JUDGED, replicas, seed)
    metrics = {}
    for name, (observed, drawn, users) in draws.items():
        change = interval(observed[0] - observed[1], drawn[:, 0] - drawn[:, 1], CONFIDENCE, users)
        ends = change.lower, change.upper, change.p_value
        if users < LEAST_USERS:
            ends = (math.nan,) * 3
        metrics[name] = Difference(float(observed[1]), float(observed[0]), change.estimate, *ends)
    return Row(which, table.num_rows, len(table[predictions.USER].unique()), metrics)


def _order(value: Any) -> tuple[float, str]:
    return (math.inf, value) if isinstance(value, str) else (float(value), "")
