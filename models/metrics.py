"""CTR metrics as pure numpy functions, and the one mergeable state that they are computed from.

Everything that judges a model (TFMA, the trainer's validation, the report, the bootstrap) reads
the declarations of `metric_table`, which wrap these functions. `N` is the number of predictions.
Labels lie in [0, 1]; weights, where given, are not negative and count a prediction as that many
equal ones. A metric that its data do not define (one class only, nothing at all, a score that is
NaN) is NaN, never an error and never a guess.

References:
  GAUC: Zhu et al., Optimized Cost per Click in Taobao Display Advertising, KDD 2017;
    Zhou et al., Deep Interest Network for Click-Through Rate Prediction, KDD 2018.
  Normalized entropy: He et al., Practical Lessons from Predicting Clicks on Ads at Facebook,
    ADKDD 2014.
  RelaImpr: Yan et al., Coupled Group Lasso for Web-Scale CTR Prediction, ICML 2014.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from models import lists

# float32, in which models give probabilities, resolves no finer distance from 1.
PROBABILITY_CLIP = 1e-7

Weights = ArrayLike | None  # [N]; None: ones


class RankStatistics(NamedTuple):
    """What the AUC of each group is made of; every field is [G], groups in ascending order."""

    concordant: np.ndarray  # weight of the pairs in the right order, ties counting half
    positives: np.ndarray  # weight of the positives
    negatives: np.ndarray  # weight of the negatives

    @property
    def auc(self) -> np.ndarray:
        """AUC of each group, [G]; NaN for a group with one class only."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.concordant / (self.positives * self.negatives)


class CalibrationCurve(NamedTuple):
    """Predictions in bins of about equal weight, ascending; every field is [bins]."""

    score: np.ndarray  # mean predicted probability
    label: np.ndarray  # share of positives
    weight: np.ndarray


@dataclasses.dataclass(frozen=True)
class Predictions:
    """Scored targets: the state of every metric. Merging is concatenation; its order is no matter.

    Args:
      labels: [N] in [0, 1].
      scores: [N] predicted probabilities, of histories as serving sees them.
      users: [N] of any sortable type: whose target it is.
      requests: [N] int64: targets of a user with equal numbers were shown together.
      frozen: [N] probabilities with each user's history as it stood at the first of its targets, by
        which metrics within users then rank; None: these rank `scores` within requests.
      weights: [N] how much each counts in metrics over all targets, not in those within users;
        None: all count alike.
    """

    labels: np.ndarray
    scores: np.ndarray
    users: np.ndarray
    requests: np.ndarray
    frozen: np.ndarray | None = None
    weights: np.ndarray | None = None

    @classmethod
    def merge(cls, parts: Iterable[Predictions]) -> Predictions:
        """All predictions of `parts`, of which all have frozen scores or weights, or none."""
        parts = list(parts)
        if not parts:
            none = np.zeros(0)
            return cls(none, none, none.astype(np.int64), none.astype(np.int64))
        for name in ("frozen", "weights"):
            if len({getattr(part, name) is None for part in parts}) > 1:
                raise ValueError(f"`parts` must all have `{name}` or all have none. Received both.")
        frozen = [part.frozen for part in parts if part.frozen is not None]
        weights = [part.weights for part in parts if part.weights is not None]
        return cls(
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.users for part in parts]),
            np.concatenate([part.requests for part in parts]),
            np.concatenate(frozen) if frozen else None,
            np.concatenate(weights) if weights else None,
        )

    @property
    def protocol(self) -> lists.Protocol:
        """How targets of a user are compared."""
        return lists.REQUEST if self.frozen is None else lists.FROZEN

    @functools.cached_property
    def ranking(self) -> lists.Ranking | None:
        """What is compared within users; None if a score is NaN."""
        scores = self.scores if self.frozen is None else self.frozen
        if np.isnan(scores).any():
            return None
        requests = self.requests if self.frozen is None else np.zeros(len(scores), np.int64)
        ids = lists.list_ids(self.users, requests)
        return lists.ranked(self.labels, np.asarray(scores, np.float64), self.users, ids)


def auc(labels: ArrayLike, scores: ArrayLike, weights: Weights = None) -> float:
    """Exact area under the ROC curve: the chance that a positive outscores a negative.

    A tie counts half (midranks).

    Args:
      labels: [N] in [0, 1].
      scores: [N], of any scale: only their order counts.
      weights: [N], or None for ones.

    Returns:
      float in [0, 1]; NaN without both classes or with a NaN score.

    Example:
      >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
      0.75
    """
    statistics = rank_statistics(labels, scores, weights=weights)
    return float(statistics.auc[0]) if len(statistics.concordant) else float("nan")


def gauc_over_time(
    labels: ArrayLike, scores: ArrayLike, users: ArrayLike, weights: Weights = None
) -> float:
    """GAUC as it is usually computed, over all targets of a user: see `lists` for what it is not.

    `Σ_u n_u AUC_u / Σ_u n_u` over users with both labels, n_u their predictions' weight.

    Args:
      labels, scores, weights: as for `auc`.
      users: [N], whose prediction it is; any sortable type.
    """
    statistics = rank_statistics(labels, scores, users, weights)
    # A bootstrap draws some users zero times: they are not there.
    eligible = (statistics.positives > 0) & (statistics.negatives > 0)
    sizes = (statistics.positives + statistics.negatives)[eligible]
    return _ratio(statistics.auc[eligible] @ sizes, sizes.sum())


def rank_statistics(
    labels: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike | None = None,
    weights: Weights = None,
) -> RankStatistics:
    """Counts the ordered pairs of each group by sorting once: O(N log N).

    Args:
      labels, scores, weights: as for `auc`.
      groups: [N] of any sortable type, or None for a single group.

    Returns:
      RankStatistics of the G distinct groups; `concordant` is NaN everywhere if a score is NaN.
    """
    labels, scores, weights = checked(labels, scores, weights)
    if groups is None:
        order = np.argsort(scores)
        new_group = np.zeros(len(scores), bool)
    else:
        groups = np.asarray(groups)
        if groups.shape != scores.shape:
            raise ValueError(
                f"`groups` must be shaped like `scores`, {scores.shape}. Received: {groups.shape}"
            )
        if groups.dtype.kind == "O":
            groups = np.unique(groups, return_inverse=True)[1]
        order = np.lexsort((scores, groups))
        groups = groups[order]
        new_group = np.concatenate([[False], groups[1:] != groups[:-1]])[: len(order)]
    if not len(order):
        return RankStatistics(np.zeros(0), np.zeros(0), np.zeros(0))

    scores = scores[order]
    # A run is a set of equal scores within a group: its members are ties.
    new_run = new_group | np.concatenate([[True], scores[1:] != scores[:-1]])
    new_group[0] = True
    run_begin = np.flatnonzero(new_run)
    group_begin = np.flatnonzero(new_group[run_begin])
    weights = weights[order]
    positive_weights = weights * labels[order]
    positives = np.add.reduceat(positive_weights, run_begin)
    negatives = np.add.reduceat(weights - positive_weights, run_begin)
    below = np.cumsum(negatives) - negatives
    group_of_run = np.cumsum(new_group[run_begin]) - 1
    below -= below[group_begin][group_of_run]
    concordant = np.add.reduceat(positives * (below + negatives / 2), group_begin)
    if np.isnan(scores).any():
        concordant = np.full_like(concordant, np.nan)
    return RankStatistics(
        concordant,
        np.add.reduceat(positives, group_begin),
        np.add.reduceat(negatives, group_begin),
    )


def logloss(labels: ArrayLike, scores: ArrayLike, weights: Weights = None) -> float:
    """Mean binary cross-entropy in nats of scores clipped to [1e-7, 1 - 1e-7], PROBABILITY_CLIP."""
    labels, scores, weights = checked(labels, scores, weights)
    return _ratio(log_losses(labels, scores) @ weights, weights.sum())


def log_losses(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """[N] what each prediction adds to `logloss`."""
    scores = np.clip(np.asarray(scores, np.float64), PROBABILITY_CLIP, 1 - PROBABILITY_CLIP)
    return -(labels * np.log(scores) + (1 - labels) * np.log1p(-scores))


def normalized_entropy(labels: ArrayLike, scores: ArrayLike, weights: Weights = None) -> float:
    """LogLoss over that of always predicting the share of positives: 1 knows nothing, 0 all."""
    labels, scores, weights = checked(labels, scores, weights)
    rate = _ratio(labels @ weights, weights.sum())
    if not 0 < rate < 1:
        return float("nan")
    entropy = -(rate * np.log(rate) + (1 - rate) * np.log1p(-rate))
    return logloss(labels, scores, weights) / float(entropy)


def calibration(labels: ArrayLike, scores: ArrayLike, weights: Weights = None) -> float:
    """`Σ score / Σ label`: above 1 the model promises more clicks than come; NaN without any."""
    labels, scores, weights = checked(labels, scores, weights)
    return _ratio(scores @ weights, labels @ weights)


def calibration_curve(
    labels: ArrayLike, scores: ArrayLike, weights: Weights = None, bins: int = 20
) -> CalibrationCurve:
    """Mean score and share of positives in bins of about equal weight; equal scores share one.

    Returns:
      CalibrationCurve with at most `bins` entries: fewer where many scores are equal.
    """
    labels, scores, weights = checked(labels, scores, weights)
    if bins < 1:
        raise ValueError(f"`bins` must be positive. Received: {bins}")
    if not len(scores) or np.isnan(scores).any() or not weights.sum() > 0:
        return CalibrationCurve(np.zeros(0), np.zeros(0), np.zeros(0))
    order = np.argsort(scores, kind="stable")
    labels, scores, weights = labels[order], scores[order], weights[order]
    position = (np.cumsum(weights) - weights) / weights.sum()
    first_equal = np.searchsorted(scores, scores, side="left")
    bin_of = np.minimum((position[first_equal] * bins).astype(np.int64), bins - 1)
    total = np.bincount(bin_of, weights, bins)
    score = np.bincount(bin_of, weights * scores, bins)
    label = np.bincount(bin_of, weights * labels, bins)
    filled = total > 0
    total = total[filled]
    return CalibrationCurve(score[filled] / total, label[filled] / total, total)


def ece(labels: ArrayLike, scores: ArrayLike, weights: Weights = None, bins: int = 20) -> float:
    """Expected calibration error: weighted mean `|score - label|` over `calibration_curve`."""
    curve = calibration_curve(labels, scores, weights, bins)
    return _ratio(np.abs(curve.score - curve.label) @ curve.weight, curve.weight.sum())


def rela_impr(auc_model: float, auc_base: float) -> float:
    """`(AUC_m - 0.5) / (AUC_b - 0.5) - 1`: how much more than the base the model beats chance."""
    return lift_share(auc_model, auc_base) - 1


def lift_share(auc_model: float, auc_other: float) -> float:
    """`(AUC_m - 0.5) / (AUC_o - 0.5)`: how much of the other's way from chance is gone.

    NaN where there is no way, as to the oracle of coin flips.
    """
    return _ratio(auc_model - 0.5, auc_other - 0.5)


def _ratio(numerator: float, denominator: float) -> float:
    return float(numerator / denominator) if denominator != 0 else float("nan")


def checked(
    labels: ArrayLike, scores: ArrayLike, weights: Weights
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the three as float64 [N], weights of 1 where there are none.

    Raises:
      ValueError: naming the one whose shape or values cannot be.
    """
    labels, scores = np.asarray(labels, np.float64), np.asarray(scores, np.float64)
    weights = np.ones_like(scores) if weights is None else np.asarray(weights, np.float64)
    for name, values in (("labels", labels), ("weights", weights)):
        if values.ndim != 1 or values.shape != scores.shape:
            raise ValueError(
                f"`{name}` and `scores` must be one-dimensional and of one length. "
                f"Received: {values.shape} and {scores.shape}"
            )
    if not ((labels >= 0) & (labels <= 1)).all():
        bad = labels[~((labels >= 0) & (labels <= 1))][0]
        raise ValueError(f"`labels` must lie in [0, 1]. Received: {bad}")
    if not (weights >= 0).all():
        raise ValueError(f"`weights` must not be negative. Received: {weights[~(weights >= 0)][0]}")
    return labels, scores, weights
