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
import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from models import metrics

# From the weight of each user in each replica, [R, U], to the metric of a model in each, [R].
_Replicas = Callable[[np.ndarray], np.ndarray]

# Replicas that one generator draws: so many that little is lost on starting, so few that the cores
# share the work.
_BLOCK = 10


class Draws(NamedTuple):
    """A metric of S models on the data as they are, and in each of R replicas.

    Attributes:
      observed: [S].
      drawn: [R, S]; NaN where a replica does not define the metric. All models see the same draws.
    """

    observed: np.ndarray
    drawn: np.ndarray


@dataclasses.dataclass(frozen=True)
class Interval:
    """A value, such as the difference candidate - baseline of a metric, and where it lies.

    Attributes:
      estimate: on the data as they are.
      lower, upper: ends of the percentile interval.
      p_value: two-sided, of no difference; not below 2 / (replicas + 1).
      error: standard error, the deviation of the replicas.
    """

    estimate: float
    lower: float
    upper: float
    p_value: float
    error: float


def replicate(
    labels: ArrayLike,
    scores: ArrayLike,
    users: ArrayLike,
    names: Sequence[str] = ("auc", "gauc"),
    replicas: int = 1000,
    seed: int = 0,
) -> dict[str, Draws]:
    """Metrics of some models on the same draws of users.

    Args:
      labels: [N] in {0, 1}.
      scores: [S, N], of S models.
      users: [N], whose target it is.
      names: of "auc", "gauc", "uauc", "logloss" and "calibration".
      replicas: number of draws, R.
      seed: draws depend on it and on the sorted users alone.

    Returns:
      The draws of each metric by its name; NaN where the data do not define it.

    Raises:
      ValueError: for an unknown name.
    """
    labels, scores = np.asarray(labels, np.float64), np.asarray(scores, np.float64)
    if not set(names) <= set(_REPLICAS):
        raise ValueError(f"`names` must be of {sorted(_REPLICAS)}. Received: {list(names)}")
    distinct, users = np.unique(np.asarray(users), return_inverse=True)
    values = [_REPLICAS[name](labels, model, users) for name in names for model in scores]
    count = len(distinct)

    def metrics_of(weights: np.ndarray) -> np.ndarray:
        found = np.stack([value(weights) for value in values], axis=1)
        return found.reshape(len(weights), len(names), len(scores))

    def block(begin: int) -> np.ndarray:
        random = np.random.default_rng([seed, begin])
        shape = min(_BLOCK, replicas - begin), count
        # Of all that a replica does, reading weights takes longest: the fewer bytes, the better.
        return metrics_of(random.poisson(1.0, shape).astype(np.uint8))

    (observed,) = metrics_of(np.ones((1, count), np.uint8))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        drawn = np.concatenate(list(pool.map(block, range(0, replicas, _BLOCK))))
    return {name: Draws(observed[i], drawn[:, i]) for i, name in enumerate(names)}


def interval(observed: float, drawn: np.ndarray, confidence: float = 0.95) -> Interval:
    """The percentile interval of a value from its replicas; NaN if the value is not defined.

    Args:
      observed: the value on the data as they are.
      drawn: [R], in the replicas.
      confidence: of the interval.
    """
    # A draw of very few users may lack a label: it tells nothing.
    drawn = drawn[~np.isnan(drawn)]
    if not len(drawn) or np.isnan(observed):
        return Interval(*[float("nan")] * 5)
    tail = (1 - confidence) / 2
    lower, upper = np.quantile(drawn, [tail, 1 - tail])
    beyond = min((drawn <= 0).sum(), (drawn >= 0).sum())
    p_value = min(1.0, 2 * (beyond + 1) / (len(drawn) + 1))
    return Interval(float(observed), float(lower), float(upper), float(p_value), float(drawn.std()))


def paired_bootstrap(
    labels: ArrayLike,
    candidate: ArrayLike,
    baseline: ArrayLike,
    users: ArrayLike,
    names: Sequence[str] = ("auc", "gauc"),
    replicas: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, Interval]:
    """Intervals of the difference between two models on the same targets.

    Args:
      labels, users, names, replicas, seed: as for `replicate`.
      candidate, baseline: [N] scores of the two models.
      confidence: of the interval.

    Returns:
      The interval of each metric by its name.

    Raises:
      ValueError: for an unknown name, or a metric that these data do not define.
    """
    draws = replicate(labels, [candidate, baseline], users, names, replicas, seed)
    undefined = [name for name, found in draws.items() if np.isnan(found.observed).any()]
    if undefined:
        raise ValueError(
            f"`names`: {undefined} are not defined on these data: both labels and finite scores "
            f"are needed. Received: {len(labels)} targets with {np.sum(labels):.0f} positives"
        )
    return {
        name: interval(found.observed[0] - found.observed[1], found.drawn @ [1, -1], confidence)
        for name, found in draws.items()
    }


def unclustered_interval(
    labels: ArrayLike, candidate: ArrayLike, baseline: ArrayLike, confidence: float = 0.95
) -> tuple[float, float]:
    """Interval of the difference in AUC as if all targets were independent: for comparison only.

    DeLong's: a positive's placement is the share of negatives that it beats, a negative's that of
    positives that beat it; AUC is their mean, and the placements' variance gives its own.

    Args:
      labels, candidate, baseline, confidence: as for `paired_bootstrap`; both labels are there.

    References:
      DeLong, DeLong and Clarke-Pearson, Comparing the Areas under Two or More Correlated Receiver
      Operating Characteristic Curves, Biometrics 1988.
    """
    positive = np.asarray(labels) > 0.5

    def placements(scores: np.ndarray, others: np.ndarray) -> np.ndarray:
        others = np.sort(others)
        below = np.searchsorted(others, scores, "left") + np.searchsorted(others, scores, "right")
        return below / (2 * len(others))

    of_positives, of_negatives = (
        [
            placements(scores[mask], scores[~mask])
            for scores in map(np.asarray, (candidate, baseline))
        ]
        for mask in (positive, ~positive)
    )
    differences = of_positives[0] - of_positives[1], of_negatives[0] - of_negatives[1]
    error = np.sqrt(sum(d.var() / len(d) for d in differences))
    reach = statistics.NormalDist().inv_cdf((1 + confidence) / 2) * error
    middle = differences[0].mean()
    return float(middle - reach), float(middle + reach)


def _auc(labels: np.ndarray, scores: np.ndarray, users: np.ndarray) -> _Replicas:
    """Sorts once; a replica is then one running sum over the negatives."""
    if np.isnan(scores).any():
        return lambda weights: np.full(len(weights), np.nan)
    positive = labels > 0.5
    order = np.argsort(scores[~positive])
    negatives = scores[~positive][order]
    of_negative = users[~positive][order].astype(np.int32)
    # Positives in the order of their scores, so that reads from the running sum go forward.
    order = np.argsort(scores[positive])
    positives = scores[positive][order]
    of_positive = users[positive][order].astype(np.int32)
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
    ranks = metrics.rank_statistics(labels, scores, users)
    eligible = np.flatnonzero((ranks.positives > 0) & (ranks.negatives > 0))
    sizes = (ranks.positives + ranks.negatives)[eligible]
    return _ratio(eligible, sizes * ranks.auc[eligible], sizes)


def _uauc(labels: np.ndarray, scores: np.ndarray, users: np.ndarray) -> _Replicas:
    values = metrics.rank_statistics(labels, scores, users).auc
    eligible = np.flatnonzero(~np.isnan(values))
    return _ratio(eligible, values[eligible], np.ones(len(eligible)))


def _logloss(labels: np.ndarray, scores: np.ndarray, users: np.ndarray) -> _Replicas:
    clipped = np.clip(scores, metrics.PROBABILITY_CLIP, 1 - metrics.PROBABILITY_CLIP)
    losses = -(labels * np.log(clipped) + (1 - labels) * np.log1p(-clipped))
    return _ratio(slice(None), np.bincount(users, losses), np.bincount(users))


def _calibration(labels: np.ndarray, scores: np.ndarray, users: np.ndarray) -> _Replicas:
    return _ratio(slice(None), np.bincount(users, scores), np.bincount(users, labels))


def _ratio(chosen: np.ndarray | slice, numerator: np.ndarray, denominator: np.ndarray) -> _Replicas:
    sums = np.stack([numerator, denominator], axis=1).astype(np.float64)

    def replicas(weights: np.ndarray) -> np.ndarray:
        above, below = (weights[:, chosen].astype(np.float64) @ sums).T
        return np.divide(above, below, out=np.full(len(weights), np.nan), where=below != 0)

    return replicas


_REPLICAS = {
    "auc": _auc,
    "gauc": _gauc,
    "uauc": _uauc,
    "logloss": _logloss,
    "calibration": _calibration,
}
