"""What a difference between two variants is worth: intervals over users and seeds, and Holm."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from components.evaluator.gate.bootstrap import (
    LEAST_USERS,
    Interval,
    interval,
    replicate,
    widened,
)
from models.metric_table import COMPARED
from models.metrics import Predictions

_REPLICAS = 2000
CONFIDENCE = 0.95


def replicas_of(comparisons: int) -> int:
    """Draws with which Holm's p of a difference that is certain is at most .02.

    It is the number of comparisons times the least p, 2 / (R + 1): of 50 and 2,000 draws, .05.
    """
    return max(_REPLICAS, 100 * comparisons)


class Draws:
    """The metrics of some runs on the same draws of the users of an eval split.

    Args:
      models: scores of the same targets, by variant and seed; none, if all runs failed.
      replicas: number of draws, R.
      seed: of the draws.
    """

    def __init__(
        self,
        models: Mapping[tuple[Hashable, int], Predictions],
        replicas: int = _REPLICAS,
        seed: int = 0,
    ) -> None:
        self._draws = replicate(list(models.values()), COMPARED, replicas, seed) if models else {}
        self._place = {model: place for place, model in enumerate(models)}
        self._seed = seed

    def observed(self, name: str, variant: Hashable, seed: int) -> float:
        """A metric of a run on the data as they are."""
        return float(self._draws[name].observed[self._place[variant, seed]])

    def interval(
        self, name: str, candidate: Hashable, reference: Hashable, seeds: Sequence[int]
    ) -> Interval:
        """The difference candidate - reference of two variants, averaged over their seeds.

        Each replica draws users with Poisson(1) weights, and adds what other seeds would change:
        `sqrt(v / S)` times Student's t, v the larger of the variance of this pair's differences and
        of that which all pairs of the study have in common (`_noise`). Where seeds outweigh users,
        drawing the S pairs with replacement told variants apart that were alike in 47 % of cases
        with two seeds, in 24 % with three; this does in 5 %, but in up to 20 % for one variant
        whose seeds differ four times as much as those of nine others. Where no variant has two
        seeds, it tells of other users only. It is NaN where the metric is not defined, or stands on
        fewer than 30 effective users.

        Args:
          name: of `metric_table.COMPARED`.
          candidate, reference: the variants.
          seeds: [S] that both have.

        References:
          Seeds are blocks: Fisher, The Design of Experiments, 1935; of many compared with one
            control by their common variance: Dunnett, JASA 1955.
        """
        observed, drawn, users = self._draws[name]
        if users < LEAST_USERS:
            observed = np.full_like(observed, np.nan)
        first, second = ([self._place[of, seed] for seed in seeds] for of in (candidate, reference))
        each = observed[first] - observed[second]
        mean = (drawn[:, first] - drawn[:, second]).mean(axis=1)
        mean = widened(each.mean(), mean, users, CONFIDENCE)
        variance, freedom = self._noise(observed)
        freedom = freedom or len(each) - 1
        if freedom:
            own = each.var(ddof=1) if len(each) > 1 else 0.0
            spread = np.sqrt(max(own, variance) / len(each))
            mean = mean + spread * _student(freedom, len(mean), self._seed)
        return interval(float(each.mean()), mean, CONFIDENCE)

    def _noise(self, observed: np.ndarray) -> tuple[float, int]:
        """Variance of the difference of two runs of a seed, and its degrees of freedom, or 0.

        It is what is left of a metric when the means of its variant and of its seed are taken off;
        of the seeds in which all variants have it.

        Args:
          observed: [models] the metric.
        """
        found: dict[Hashable, dict[int, float]] = {}
        for (variant, seed), place in self._place.items():
            if np.isfinite(observed[place]):
                found.setdefault(variant, {})[seed] = observed[place]
        seeds = sorted(set.intersection(*map(set, found.values()))) if found else []
        if len(found) < 2 or len(seeds) < 2:
            return 0.0, 0
        freedom = (len(found) - 1) * (len(seeds) - 1)
        values = np.array([[of[seed] for seed in seeds] for of in found.values()])
        left = values - values.mean(1, keepdims=True) - values.mean(0) + values.mean()
        return 2 * float((left**2).sum()) / freedom, freedom


@functools.cache
def _student(freedom: int, count: int, seed: int) -> np.ndarray:
    """Student's t, [count] in random order: its quantiles, as the ends of few draws are chance."""
    random = np.random.default_rng([seed, 1])  # `replicate` takes multiples of 10
    many = random.standard_t(freedom, 200 * count)
    return random.permutation(np.quantile(many, (np.arange(count) + 0.5) / count))
