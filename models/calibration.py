"""Calibration: from a trained model's logit to one whose probability is the rate of clicks.

Fitted on the validation split, which the model did not train on, and exported within the model.
All ways rise with the logit: a line, straight or not, so keeps the order of targets, and with it
AUC; curves of contexts (`context_calibration`) keep it within each context.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from models import context_calibration
from models.context_calibration import ContextCalibration
from models.metrics import Predictions

LEAST_SLOPE = 0.01  # where scores say nothing, or the contrary, their order is kept all the same
NEWTON_STEPS = 50

log = logging.getLogger("everlong")


@dataclasses.dataclass(frozen=True)
class Calibration:
    """A rising line through knots, from logit to calibrated logit; beyond them its slope goes on.

    Attributes:
      knots: [n] logits, rising.
      values: [n] calibrated logits, rising.
      slope: below the first knot and above the last.
    """

    knots: tuple[float, ...]
    values: tuple[float, ...]
    slope: float

    def __call__(self, logits: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        """Returns calibrated logits, of any shape, whatever the context."""
        knots, values = (tf.constant(x, logits.dtype) for x in (self.knots, self.values))
        last = len(self.knots) - 1
        place = tf.searchsorted(knots, tf.reshape(logits, [-1]), side="right")
        left, right = (
            tf.reshape(tf.clip_by_value(x, 0, last), tf.shape(logits)) for x in (place - 1, place)
        )
        run = tf.gather(knots, right) - tf.gather(knots, left)
        rise = tf.gather(values, right) - tf.gather(values, left)
        slope = tf.where(run > 0, rise / tf.where(run > 0, run, 1), self.slope)
        return tf.gather(values, left) + slope * (logits - tf.gather(knots, left))

    def told(self) -> dict[str, Any]:
        """Returns the line as plain JSON."""
        return dataclasses.asdict(self)


Fitted = Sequence[Calibration | ContextCalibration] | None


def fit(
    method: str,
    primary: Predictions,
    others: Mapping[str, Predictions],
    contexts: Callable[[], Sequence[np.ndarray]],
) -> Fitted:
    """Returns a calibration for each label, the primary one's first.

    None where the validation targets of a label are all clicked, or none is, which a warning says:
    there is no rate to be learned.

    Args:
      method: "platt", "isotonic" or "umc".
      primary: predictions of the validation split.
      others: those of the labels beside the primary one, by name.
      contexts: gives the contexts of these predictions, [N, C] of each label, the primary one's
        first.
    """
    given = []
    for name, predictions in {"": primary, **others}.items():
        labels = predictions.labels
        if not 0 < labels.mean() < 1:
            log.warning(
                "training.calibration: %s is left out: of the %d validation targets%s all are "
                "labelled alike. Enlarge split.validation",
                method,
                len(labels),
                f" of {name}" if name else "",
            )
            return None
        weights = np.ones(len(labels)) if predictions.weights is None else predictions.weights
        given.append((_logit(predictions.scores), labels, weights, predictions.users))
    if method == "umc":
        return [
            context_calibration.fit(*one, context)
            for one, context in zip(given, contexts(), strict=True)
        ]
    return [_LINES[method](*one) for *one, _ in given]


def calibrated(
    fitted: Fitted, primary: Predictions, contexts: Callable[[], Sequence[np.ndarray]]
) -> np.ndarray:
    """Returns the probabilities [N] that the exported model gives, of the primary label.

    Args:
      fitted: as `fit` returned it.
      primary, contexts: as it was given.
    """
    if fitted is None:
        return primary.scores
    curve, context = fitted[0], None
    if isinstance(curve, ContextCalibration):
        context = tf.constant(contexts()[0])
    logits = tf.constant(_logit(primary.scores), tf.float32)
    return tf.sigmoid(curve(logits, context)).numpy()


def told(calibrations: Fitted) -> list[dict[str, Any]] | None:
    """Returns the same as plain JSON."""
    return None if calibrations is None else [one.told() for one in calibrations]


def platt(logits: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> Calibration:
    """Returns `a z + b` of the greatest likelihood (Platt, Probabilistic Outputs for SVMs, 1999).

    By Newton's method, whose steps are halved until they gain: whole ones end at slopes of 1e13
    where scores are twice as sure as they should be (Lin, Lin and Weng, A Note on Platt's
    Probabilistic Outputs for Support Vector Machines, 2007). `a` is at least `LEAST_SLOPE`.

    Args:
      logits, labels, weights: [N]; labels in [0, 1] and not all alike.
    """
    target = _smoothed(labels, weights)
    columns = np.stack([logits, np.ones_like(logits)], 1)
    of = np.array([1.0, 0.0])

    def loss(of: np.ndarray) -> float:
        told = columns @ of
        return float(weights @ (np.logaddexp(0, told) - target * told))

    for _ in range(NEWTON_STEPS):
        rate = _rate(columns @ of)
        gradient = columns.T @ (weights * (rate - target))
        curvature = (columns.T * (weights * rate * (1 - rate))) @ columns
        step = np.linalg.solve(curvature + 1e-9 * np.eye(2), gradient)
        before = loss(of)
        while loss(of - step) > before and np.abs(step).max() >= 1e-10:
            step /= 2
        of = of - step
        if np.abs(step).max() < 1e-10:
            break
    slope, offset = float(of[0]), float(of[1])
    if slope < LEAST_SLOPE:
        mean = np.average(target, weights=weights)
        middle = np.average(logits, weights=weights)
        slope, offset = LEAST_SLOPE, float(_logit(mean) - LEAST_SLOPE * middle)
    return Calibration((0.0,), (offset,), slope)


def isotonic(logits: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> Calibration:
    """Returns the rising rates nearest to the labels, joined by straight lines.

    Pools adjacent violators (Zadrozny and Elkan, Transforming Classifier Scores into Accurate
    Multiclass Probability Estimates, KDD 2002). Deviates from it in joining the pools' means, in
    logits: steps would tie what the model tells apart.

    Args:
      logits, labels, weights: [N]; labels in [0, 1] and not all alike.
    """
    order = np.lexsort([-labels, logits])  # of equal logits clicks first: these are then pooled
    columns = (weights, weights * labels, weights * logits)
    pools: list[list[float]] = []  # of sums over targets
    for sums in zip(*(column[order].tolist() for column in columns), strict=True):
        pools.append(list(sums))
        while len(pools) > 1 and not _rises(pools[-2], pools[-1]):
            last = pools.pop()
            pools[-1] = [a + b for a, b in zip(pools[-1], last, strict=True)]
    size, clicks, of_logits = np.array(pools).T
    knots, values = of_logits / size, _logit(_smoothed(clicks / size, size))
    return Calibration(tuple(knots.tolist()), tuple(values.tolist()), slope=1.0)


def _rises(first: list[float], second: list[float]) -> bool:
    """Whether the rate of the second pool is higher, by more than sums of float64 round."""
    return first[1] * second[0] < second[1] * first[0] * (1 - 1e-12)


_LINES = {"platt": platt, "isotonic": isotonic}


def _smoothed(labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns labels, or their means, a little away from 0 and 1, as Platt has them.

    Logits of rates so stay finite.
    """
    clicks = float(weights @ labels)
    skips = float(weights.sum()) - clicks
    return labels * (clicks + 1) / (clicks + 2) + (1 - labels) / (skips + 2)


def _rate(logit: np.ndarray) -> np.ndarray:
    return (1 + np.tanh(logit / 2)) / 2  # of large logits, `exp` overflows


def _logit(probability: np.ndarray) -> np.ndarray:
    probability = np.clip(np.asarray(probability, np.float64), 1e-7, 1 - 1e-7)
    return np.log(probability) - np.log1p(-probability)
