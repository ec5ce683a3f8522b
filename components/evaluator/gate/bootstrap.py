"""Intervals of the difference between two models: paired, and clustered by user.

Impressions of one user are not independent: a model that suits a user gains on all of them at once.
So whole users are drawn, with Poisson(1) weights (each replica sees every user 0, 1, 2 ... times),
and both models are scored on the same draw.

References:
  Poisson bootstrap: Chamandy et al., Estimating Uncertainty for Massive Data Streams, Google 2012.
  Few clusters: Cameron, Gelbach and Miller, Bootstrap-Based Improvements for Inference with
    Clustered Errors, 2008.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import math
import os
import statistics
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from models.metric_table import REPLICAS
from models.metrics import Predictions

# Effective users that a metric must stand on: of fewer, intervals are too narrow.
LEAST_USERS = 30
# Replicas that one generator draws: so many that little is lost on starting, so few that the cores
# share the work.
_BLOCK = 10


class Draws(NamedTuple):
    """A metric of S models on the data as they are, and in each of R replicas.

    Attributes:
      observed: [S].
      drawn: [R, S]; NaN where a replica does not define the metric. All models see the same draws.
      users: effective number of users that the metric stands on, which may be far fewer than there
        are: an interval of very few is too narrow.
    """

    observed: np.ndarray
    drawn: np.ndarray
    users: float


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
    models: Sequence[Predictions],
    names: Sequence[str] = ("auc", "gauc"),
    replicas: int = 1000,
    seed: int = 0,
) -> dict[str, Draws]:
    """Metrics of some models on the same draws of users.

    Args:
      models: [S], scores of the same targets.
      names: of metrics with replicas, `metric_table.JUDGED`.
      replicas: number of draws, R.
      seed: draws depend on it and on the sorted users alone.

    Returns:
      The draws of each metric by its name; NaN where the data do not define it.
    """
    distinct, users = np.unique(np.asarray(models[0].users), return_inverse=True)
    numbered = [_numbered(model, users) for model in models]
    values = [REPLICAS[name](model) for name in names for model in numbered]
    count = len(distinct)

    def metrics_of(weights: np.ndarray) -> np.ndarray:
        found = np.stack([value.draw(weights) for value in values], axis=1)
        return found.reshape(len(weights), len(names), len(models))

    def block(begin: int) -> np.ndarray:
        random = np.random.default_rng([seed, begin])
        shape = min(_BLOCK, replicas - begin), count
        # Of all that a replica does, reading weights takes longest: the fewer bytes, the better.
        return metrics_of(random.poisson(1.0, shape).astype(np.uint8))

    (observed,) = metrics_of(np.ones((1, count), np.uint8))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        drawn = np.concatenate(list(pool.map(block, range(0, replicas, _BLOCK))))
    return {
        name: Draws(observed[i], drawn[:, i], values[i * len(models)].users)
        for i, name in enumerate(names)
    }


def _numbered(model: Predictions, users: np.ndarray) -> Predictions:
    floats = {
        name: np.asarray(getattr(model, name), np.float64)
        for name in ("labels", "scores", "frozen")
        if getattr(model, name) is not None
    }
    return dataclasses.replace(model, users=users, **floats)


def widened(
    observed: float, drawn: np.ndarray, users: float, confidence: float = 0.95
) -> np.ndarray:
    """Replicas as far from the value as so few users make them: of 30, 6 % farther.

    Drawn users vary about their own mean, and how much they vary is itself an estimate: hence
    `sqrt(n / (n - 1))`, and Student's t of n - 1 over the normal quantile. Without it, intervals of
    95 % held the truth in 93.8 % of 400 splits of 27 effective users; with it, in 95.0.

    Args:
      observed: the value on the data as they are.
      drawn: [R], in the replicas.
      users: n, effective number of them.
      confidence: of the interval that is made of them.
    """
    freedom = max(users - 1, 1.0)
    z = statistics.NormalDist().inv_cdf((1 + confidence) / 2)
    # Student's t by its distance from the normal (Abramowitz and Stegun, 26.7.5).
    terms = [
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    ]
    student = sum(term / freedom**power for power, term in enumerate(terms))
    return observed + (drawn - observed) * (student / z * math.sqrt(1 + 1 / freedom))


def interval(
    observed: float, drawn: np.ndarray, confidence: float = 0.95, users: float = math.inf
) -> Interval:
    """The percentile interval of a value from its replicas; NaN if the value is not defined.

    Args:
      observed: the value on the data as they are.
      drawn: [R], in the replicas.
      confidence: of the interval.
      users: effective number of them, see `widened`.
    """
    # A draw of very few users may lack a label: it tells nothing.
    drawn = widened(observed, drawn[~np.isnan(drawn)], users, confidence)
    if not len(drawn) or np.isnan(observed):
        return Interval(*[float("nan")] * 5)
    tail = (1 - confidence) / 2
    lower, upper = np.quantile(drawn, [tail, 1 - tail])
    beyond = min((drawn <= 0).sum(), (drawn >= 0).sum())
    p_value = min(1.0, 2 * (beyond + 1) / (len(drawn) + 1))
    return Interval(float(observed), float(lower), float(upper), float(p_value), float(drawn.std()))


def paired_bootstrap(
    candidate: Predictions,
    baseline: Predictions,
    names: Sequence[str] = ("auc", "gauc"),
    replicas: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, Interval]:
    """Intervals of the difference between two models on the same targets.

    Args:
      candidate, baseline: the two models' scores of them.
      names, replicas, seed: as for `replicate`.
      confidence: of the interval.

    Returns:
      The interval of each metric by its name.

    Raises:
      ValueError: for a metric that these data do not define.
    """
    draws = replicate([candidate, baseline], names, replicas, seed)
    undefined = [name for name, found in draws.items() if np.isnan(found.observed).any()]
    if undefined:
        labels = candidate.labels
        raise ValueError(
            f"`names`: {undefined} are not defined on these data: both labels and finite scores "
            f"are needed. Received: {len(labels)} targets with {np.sum(labels):.0f} positives"
        )
    return {
        name: interval(
            found.observed[0] - found.observed[1], found.drawn @ [1, -1], confidence, found.users
        )
        for name, found in draws.items()
    }


def unclustered_interval(
    labels: ArrayLike, candidate: ArrayLike, baseline: ArrayLike, confidence: float = 0.95
) -> tuple[float, float]:
    """Interval of the difference in AUC as if all targets were independent: for comparison only.

    DeLong's: a positive's placement is the share of negatives that it beats, a negative's that of
    positives that beat it; AUC is their mean, and the placements' variance gives its own.

    Args:
      labels: [N] in {0, 1}, both of them there.
      candidate, baseline: [N] scores.
      confidence: of the interval.

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
