"""What a difference between two variants is worth: intervals over users and seeds, and Holm."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from components.evaluator.gate.bootstrap import Interval, interval, replicate

METRICS = ("auc", "gauc", "logloss")
REPLICAS = 2000
CONFIDENCE = 0.95


class Draws:
    """The metrics of some models on the same draws of the users of an eval split.

    Args:
      labels: [N] in {0, 1}.
      users: [N], whose target it is.
      scores: [N] of each model, by its key.
      replicas: number of draws, R.
      seed: of the draws.
    """

    def __init__(
        self,
        labels: ArrayLike,
        users: ArrayLike,
        scores: Mapping[Hashable, ArrayLike],
        replicas: int = REPLICAS,
        seed: int = 0,
    ) -> None:
        stacked = np.stack([np.asarray(values) for values in scores.values()])
        self._draws = replicate(labels, stacked, users, METRICS, replicas, seed)
        self._place = {model: place for place, model in enumerate(scores)}
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
        still is too narrow for these, by a factor of sqrt((S - 1) / S) of their share.

        Args:
          name: of `METRICS`.
          candidate, reference: [S] models, of the same seeds in the same order.
        """
        observed, drawn = self._draws[name]
        first, second = ([self._place[model] for model in side] for side in (candidate, reference))
        differences = drawn[:, first] - drawn[:, second]
        random = np.random.default_rng([self._seed, 1])  # `replicate` takes multiples of 10
        pairs = random.integers(len(first), size=differences.shape)
        mean = np.take_along_axis(differences, pairs, axis=1).mean(axis=1)
        return interval(float((observed[first] - observed[second]).mean()), mean, CONFIDENCE)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusts the p-values of m comparisons so that a threshold holds for all of them at once.

    The i-th smallest becomes the largest of `(m - j + 1) p_j` over `j <= i`, at most 1.

    Example:
      >>> holm([0.01, 0.04, 0.03])
      [0.03, 0.06, 0.06]

    References:
      Holm, A Simple Sequentially Rejective Multiple Test Procedure, 1979.
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    steps = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted.tolist()
