"""What a difference between two variants is worth: intervals over users and seeds, and Holm."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from components.evaluator.gate.bootstrap import LEAST_USERS, Interval, interval, replicate
from models.metric_table import COMPARED
from models.metrics import Predictions

REPLICAS = 2000
CONFIDENCE = 0.95


class Draws:
    """The metrics of some models on the same draws of the users of an eval split.

    Args:
      models: scores of the same targets, by the model's key; none, if all runs failed.
      replicas: number of draws, R.
      seed: of the draws.
    """

    def __init__(
        self, models: Mapping[Hashable, Predictions], replicas: int = REPLICAS, seed: int = 0
    ) -> None:
        self._draws = replicate(list(models.values()), COMPARED, replicas, seed) if models else {}
        self._place = {model: place for place, model in enumerate(models)}
        self._seed = seed

    def observed(self, name: str, model: Hashable) -> float:
        """A metric of a model on the data as they are."""
        return float(self._draws[name].observed[self._place[model]])

    def interval(
        self, name: str, candidate: Sequence[Hashable], reference: Sequence[Hashable]
    ) -> Interval:
        """The difference candidate - reference of two variants, averaged over their seeds.

        Each replica draws users with Poisson(1) weights, and draws S of the S pairs of equal seeds,
        with replacement: so the interval tells of other users and of other seeds. With few seeds it
        still is too narrow for these, by a factor of sqrt((S - 1) / S) of their share. It is NaN
        where the metric is not defined, or stands on fewer than 30 effective users.

        Args:
          name: of `metric_table.COMPARED`.
          candidate, reference: [S] models, of the same seeds in the same order.
        """
        observed, drawn, users = self._draws[name]
        if users < LEAST_USERS:
            observed = np.full_like(observed, np.nan)
        first, second = ([self._place[model] for model in side] for side in (candidate, reference))
        differences = drawn[:, first] - drawn[:, second]
        random = np.random.default_rng([self._seed, 1])  # `replicate` takes multiples of 10
        pairs = random.integers(len(first), size=differences.shape)
        mean = np.take_along_axis(differences, pairs, axis=1).mean(axis=1)
        return interval(float((observed[first] - observed[second]).mean()), mean, CONFIDENCE)
