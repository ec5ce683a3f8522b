"""The curves of a report as pure numpy, thin enough for a page."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from models import metrics

_POINTS = 200
_BINS = 40


class Roc(NamedTuple):
    """Points of the ROC curve from (0, 0) to (1, 1); both fields are [points], rising."""

    false_positive_rate: np.ndarray
    true_positive_rate: np.ndarray


class Distribution(NamedTuple):
    """How scores are spread within each label."""

    edges: np.ndarray  # [bins + 1]
    negatives: np.ndarray  # [bins] share of the negatives, sums to 1
    positives: np.ndarray  # [bins] share of the positives, sums to 1


def roc(
    labels: ArrayLike, scores: ArrayLike, weights: metrics.Weights = None, points: int = _POINTS
) -> Roc | None:
    """The ROC curve, thinned evenly along its way; None without both labels or with a NaN.

    Args:
      labels: [N] in {0, 1}.
      scores: [N]; targets of equal score are one step.
      weights: [N], or None for ones.
      points: about how many to keep.
    """
    labels, scores, weights = metrics.checked(labels, scores, weights)
    if not _usable(labels * weights, weights, scores):
        return None
    order = np.argsort(-scores, kind="stable")
    last_of_run = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    true, false = (
        np.append(0, np.cumsum(side[order])[last_of_run])
        for side in (labels * weights, (1 - labels) * weights)
    )
    true, false = true / true[-1], false / false[-1]
    kept = np.unique(np.searchsorted(true + false, np.linspace(0, 2, points)))
    kept = np.union1d(kept[kept < len(true)], [0, len(true) - 1])
    return Roc(false[kept], true[kept])


def distribution(
    labels: ArrayLike, scores: ArrayLike, weights: metrics.Weights = None, bins: int = _BINS
) -> Distribution | None:
    """Histograms of the scores of each label, from 0 to the highest; None as for `roc`."""
    labels, scores, weights = metrics.checked(labels, scores, weights)
    if not _usable(labels * weights, weights, scores):
        return None
    edges = np.linspace(0, max(float(scores.max()), 1e-6), bins + 1)
    negatives, positives = (
        np.histogram(scores, edges, weights=side)[0] / side.sum()
        for side in ((1 - labels) * weights, labels * weights)
    )
    return Distribution(edges, negatives, positives)


def calibration(
    labels: ArrayLike, scores: ArrayLike, weights: metrics.Weights = None
) -> metrics.CalibrationCurve | None:
    """`models.metrics.calibration_curve`; None where there is none."""
    curve = metrics.calibration_curve(labels, scores, weights)
    return curve if len(curve.score) else None


def _usable(positives: np.ndarray, weights: np.ndarray, scores: np.ndarray) -> bool:
    return 0 < positives.sum() < weights.sum() and bool(np.isfinite(scores).all())
