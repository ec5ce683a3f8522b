"""How a metric moves when users are drawn: from the weight of each user to the metric."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from models.lists import Sums
from models.metrics import Predictions


class Replicas(NamedTuple):
    """A metric of one model under any weights of its U users.

    Attributes:
      draw: from the weight of each user in each replica, [R, U], to the metric in each, [R]; NaN
        where a replica does not define it.
      users: effective number of users that it stands on (Kish): that of equally heavy ones.
    """

    draw: Callable[[np.ndarray], np.ndarray]
    users: float


def ratio(sums: Sums) -> Replicas:
    """Of a metric that is a ratio of sums over users: within a user nothing changes."""
    numerator, denominator = (np.asarray(side, np.float64) for side in sums)
    chosen = np.flatnonzero((numerator != 0) | (denominator != 0))
    both = np.stack([numerator[chosen], denominator[chosen]], axis=1)

    def draw(weights: np.ndarray) -> np.ndarray:
        above, below = (weights[:, chosen].astype(np.float64) @ both).T
        return np.divide(above, below, out=np.full(len(weights), np.nan), where=below != 0)

    return Replicas(draw, effective(denominator))


def auc(predictions: Predictions) -> Replicas:
    """Of AUC: sorts once; a replica is then one running sum over the negatives.

    It stands on the users of the rarer label: two clicks tell nothing, however many were shown.

    Args:
      predictions: whose users are numbers from 0.
    """
    labels, scores, users = predictions.labels, predictions.scores, predictions.users
    weighted = predictions.weights
    positive = labels > 0.5
    behind = users_of_both(positive, users, weighted)
    if np.isnan(scores).any():
        return Replicas(lambda weights: np.full(len(weights), np.nan), behind)
    rows = np.flatnonzero(~positive)
    rows = rows[np.argsort(scores[rows])]
    negatives, of_negative = scores[rows], users[rows].astype(np.int32)
    negative_weights = None if weighted is None else weighted[rows]
    # Positives in the order of their scores, so that reads from the running sum go forward.
    rows = np.flatnonzero(positive)
    rows = rows[np.argsort(scores[rows])]
    positives, of_positive = scores[rows], users[rows].astype(np.int32)
    positive_weights = None if weighted is None else weighted[rows]
    below = np.searchsorted(negatives, positives, side="left")
    not_above = np.searchsorted(negatives, positives, side="right")

    def one(weights: np.ndarray) -> float:
        mine, theirs = weights.take(of_positive), weights.take(of_negative)
        if positive_weights is not None:
            mine, theirs = mine * positive_weights, theirs * negative_weights
        running = np.zeros(len(negatives) + 1, np.int64 if weighted is None else np.float64)
        np.cumsum(theirs, out=running[1:])
        beaten_twice = running.take(below) + running.take(not_above)
        pairs = float(running[-1]) * float(mine.sum())
        return float((mine * beaten_twice).sum()) / (2 * pairs) if pairs else float("nan")

    return Replicas(lambda weights: np.array([one(row) for row in weights]), behind)


def users_of_both(positive: np.ndarray, users: np.ndarray, weights: np.ndarray | None) -> float:
    """Effective number of users behind the rarer of both labels, 0 where one is missing.

    Args:
      positive: [N] bool, whether a target's label is 1.
      users: [N] numbers of users, from 0.
      weights: [N], how much a target counts; None: all alike.
    """
    ones = np.ones(len(users)) if weights is None else weights
    return min(effective(np.bincount(users, ones * side)) for side in (positive, ~positive))


def effective(weights: np.ndarray) -> float:
    """Kish's effective number, `(Σ w)² / Σ w²`: of equally large users who would tell as much."""
    weights = np.asarray(weights, np.float64)
    return float(weights.sum() ** 2 / (weights**2).sum()) if weights.any() else 0.0
