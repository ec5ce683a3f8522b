"""Intervals of the difference between two models: paired, and clustered by user.

Impressions of one user are not independent: a model that suits a user gains on all of them at once.
So whole users are drawn, with Poisson(1) weights (each replica sees every user 0, 1, 2 ... times),
and both models are scored on the same draw.

References:
  Poisson bootstrap: Chamandy et al., Estimating Uncertainty for Massive Data Streams, Google 2012.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from models import metrics

# From the weight of each cluster in each replica, [R, C], to the metric of a model in each, [R].
_Replicas = Callable[[np.ndarray], np.ndarray]

# Replicas that one generator draws: so many that little is lost on starting, so few that the cores
# share the work.
_BLOCK = 10


@dataclasses.dataclass(frozen=True)
class Interval:
    """The difference candidate - baseline of a metric, and where it lies.

    Attributes:
      difference: on the data as they are.
      lower, upper: ends of the percentile interval.
      p_value: two-sided, of no difference; not below 2 / (replicas + 1).
    """

    difference: float
    lower: float
    upper: float
    p_value: float


def paired_bootstrap(
    labels: ArrayLike,
    candidate: ArrayLike,
    baseline: ArrayLike,
    users: ArrayLike,
    names: Sequence[str] = ("auc", "gauc"),
    replicas: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    clustered: bool = True,
) -> dict[str, Interval]:
    """Intervals of the difference between two models on the same targets.

    Args:
      labels: [N] in {0, 1}.
      candidate, baseline: [N] scores of the two models.
      users: [N], whose target it is.
      names: of "auc", "gauc", "logloss" and "calibration".
      replicas: number of draws.
      confidence: of the interval.
      seed: draws depend on it and on the sorted users alone.
      clustered: False draws targets one by one, as if users did not matter: for comparison only,
        since the interval is too narrow. GAUC has no such form.

    Returns:
      The interval of each metric by its name.

    Raises:
      ValueError: for an unknown name, or a metric that these data do not define.
    """
    labels, candidate, baseline = (np.asarray(x, np.float64) for x in (labels, candidate, baseline))
    known = set(_REPLICAS) if clustered else set(_REPLICAS) - {"gauc"}
    if not set(names) <= known:
        raise ValueError(f"`names` must be of {sorted(known)}. Received: {list(names)}")
    users = np.unique(np.asarray(users), return_inverse=True)[1]
    clusters = users if clustered else np.arange(len(labels))
    pairs = [
        (_REPLICAS[name](labels, candidate, clusters), _REPLICAS[name](labels, baseline, clusters))
        for name in names
    ]
    count = int(clusters.max()) + 1 if len(clusters) else 0

    def differences(weights: np.ndarray) -> np.ndarray:
        return np.stack([first(weights) - second(weights) for first, second in pairs], axis=1)

    (observed,) = differences(np.ones((1, count), np.uint8))
    undefined = [name for name, value in zip(names, observed, strict=True) if np.isnan(value)]
    if undefined:
        raise ValueError(
            f"`names`: {undefined} are not defined on these data: both labels and finite scores "
            f"are needed. Received: {len(labels)} targets with {labels.sum():.0f} positives"
        )

    def block(begin: int) -> np.ndarray:
        random = np.random.default_rng([seed, begin])
        shape = min(_BLOCK, replicas - begin), count
        # Of all that a replica does, reading weights takes longest: the fewer bytes, the better.
        return differences(random.poisson(1.0, shape).astype(np.uint8))

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        drawn = np.concatenate(list(pool.map(block, range(0, replicas, _BLOCK))))
    return {name: _interval(observed[i], drawn[:, i], confidence) for i, name in enumerate(names)}


def _interval(observed: float, drawn: np.ndarray, confidence: float) -> Interval:
    # A draw of very few users may lack a label: it tells nothing.
    drawn = drawn[~np.isnan(drawn)]
    tail = (1 - confidence) / 2
    lower, upper = np.quantile(drawn, [tail, 1 - tail])
    beyond = min((drawn <= 0).sum(), (drawn >= 0).sum())
    p_value = min(1.0, 2 * (beyond + 1) / (len(drawn) + 1))
    return Interval(float(observed), float(lower), float(upper), float(p_value))


def _auc(labels: np.ndarray, scores: np.ndarray, clusters: np.ndarray) -> _Replicas:
    """Sorts once; a replica is then one running sum over the negatives."""
    if np.isnan(scores).any():
        return lambda weights: np.full(len(weights), np.nan)
    positive = labels > 0.5
    order = np.argsort(scores[~positive])
    negatives = scores[~positive][order]
    of_negative = clusters[~positive][order].astype(np.int32)
    # Positives in the order of their scores, so that reads from the running sum go forward.
    order = np.argsort(scores[positive])
    positives = scores[positive][order]
    of_positive = clusters[positive][order].astype(np.int32)
    below = np.searchsorted(negatives, positives, side="left")
    not_above = np.searchsorted(negatives, positives, side="right")

    def one(weights: np.ndarray) -> float:
        running = np.zeros(len(negatives) + 1, np.int64)
        np.cumsum(weights.take(of_negative), out=running[1:])
        mine = weights.take(of_positive)
        beaten_twice = running.take(below) + running.take(not_above)
        pairs = float(running[-1]) * float(mine.sum())
        return float((mine * beaten_twice).sum()) / (2 * pairs) if pairs else float("nan")

    return lambda weights: np.array([one(row) for row in weights])


def _gauc(labels: np.ndarray, scores: np.ndarray, users: np.ndarray) -> _Replicas:
    """Within a user nothing changes: a replica is a mean of fixed numbers."""
    statistics = metrics.rank_statistics(labels, scores, users)
    eligible = np.flatnonzero((statistics.positives > 0) & (statistics.negatives > 0))
    sizes = (statistics.positives + statistics.negatives)[eligible]
    return _ratio(eligible, sizes * statistics.auc[eligible], sizes)


def _logloss(labels: np.ndarray, scores: np.ndarray, clusters: np.ndarray) -> _Replicas:
    clipped = np.clip(scores, metrics.PROBABILITY_CLIP, 1 - metrics.PROBABILITY_CLIP)
    losses = -(labels * np.log(clipped) + (1 - labels) * np.log1p(-clipped))
    return _ratio(slice(None), np.bincount(clusters, losses), np.bincount(clusters))


def _calibration(labels: np.ndarray, scores: np.ndarray, clusters: np.ndarray) -> _Replicas:
    return _ratio(slice(None), np.bincount(clusters, scores), np.bincount(clusters, labels))


def _ratio(chosen: np.ndarray | slice, numerator: np.ndarray, denominator: np.ndarray) -> _Replicas:
    sums = np.stack([numerator, denominator], axis=1).astype(np.float64)

    def replicas(weights: np.ndarray) -> np.ndarray:
        above, below = (weights[:, chosen].astype(np.float64) @ sums).T
        return np.divide(above, below, out=np.full(len(weights), np.nan), where=below != 0)

    return replicas


_REPLICAS = {"auc": _auc, "gauc": _gauc, "logloss": _logloss, "calibration": _calibration}
