"""The paired bootstrap: against weighted metrics, and by simulation of its coverage."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest

from components.evaluator.gate import bootstrap
from models import metrics
from models.metrics import Predictions


def simulated(random, users=100, targets=10, effect=0.0, spread=1.0):
    """Two models as good as each other; `spread` of them suits each user to a different degree.

    With `effect` 0 the models could be swapped: no difference is true, whatever users do.
    """
    user = np.repeat(np.arange(users), targets)
    labels = (random.random(users * targets) < 0.5).astype(float)
    taste = spread * random.normal(size=users)[user]
    noise = random.normal(size=(2, users * targets))
    candidate = labels * (1 + effect + taste) + noise[0]
    baseline = labels * (1 - taste) + noise[1]
    return tuple(
        Predictions(labels, scores, user, np.zeros_like(user)) for scores in (candidate, baseline)
    )


def test_the_same_seed_gives_the_same_interval_whatever_users_are_called():
    pair = simulated(np.random.default_rng(0))
    renamed = [dataclasses.replace(one, users=one.users + 10**6) for one in pair]
    found = [
        bootstrap.paired_bootstrap(*models, replicas=50, seed=seed)
        for models, seed in ((pair, 1), (renamed, 1), (pair, 2))
    ]
    assert found[0] == found[1]
    assert found[0]["auc"].lower != found[2]["auc"].lower
    assert found[0]["auc"].estimate == found[2]["auc"].estimate
    assert found[0]["auc"].estimate == pytest.approx(
        np.subtract(*(metrics.auc(one.labels, one.scores) for one in pair))
    )


@pytest.mark.parametrize(
    ("users", "confidence", "student", "normal"),
    [(30, 0.95, 2.04523, 1.95996), (30, 0.99, 2.75639, 2.57583), (10, 0.95, 2.26216, 1.95996)],
)
def test_few_users_make_wide_intervals(users, confidence, student, normal):
    """By the quantiles of printed tables, and by what users vary about their own mean."""
    wide = bootstrap.widened(1.0, np.array([0.5, 1.0, 1.2, np.nan]), users, confidence)
    factor = student / normal * (users / (users - 1)) ** 0.5
    expected = [1 - 0.5 * factor, 1, 1 + 0.2 * factor, np.nan]
    assert wide == pytest.approx(expected, rel=1e-3, nan_ok=True)


def test_many_users_leave_intervals_as_they_are():
    drawn = np.array([0.1, -0.2])
    assert bootstrap.widened(0.0, drawn, 1e6) == pytest.approx(drawn, rel=1e-5)


def test_a_model_against_itself_differs_by_nothing():
    candidate, _ = simulated(np.random.default_rng(0))
    for interval in bootstrap.paired_bootstrap(candidate, candidate, replicas=50).values():
        assert interval == bootstrap.Interval(0.0, 0.0, 0.0, 1.0, 0.0)


def test_a_true_difference_is_found():
    data = simulated(np.random.default_rng(0), effect=1.0, spread=0.1)
    for interval in bootstrap.paired_bootstrap(*data, replicas=200).values():
        assert 0 < interval.lower < interval.estimate < interval.upper
        assert interval.p_value < 0.02


def test_intervals_cover_the_truth_as_often_as_they_say():
    random = np.random.default_rng(7)
    covered = {"auc": 0, "gauc": 0, "unclustered": 0}
    for seed in range(500):
        data = simulated(random)
        found = bootstrap.paired_bootstrap(*data, replicas=200, seed=seed)
        for name, interval in found.items():
            covered[name] += interval.lower <= 0 <= interval.upper
        lower, upper = bootstrap.unclustered_interval(data[0].labels, *(one.scores for one in data))
        covered["unclustered"] += lower <= 0 <= upper
    assert 0.92 <= covered["auc"] / 500 <= 0.98, covered
    assert 0.92 <= covered["gauc"] / 500 <= 0.98, covered
    # Blind to users, the interval claims to know more than it can.
    assert covered["unclustered"] / 500 < 0.85, covered


def test_the_unclustered_interval_is_delongs():
    pair = simulated(np.random.default_rng(5), users=12)
    labels = pair[0].labels
    candidate, baseline = (np.round(one.scores, 1) for one in pair)  # with ties
    positive, negative = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)

    def kernel(scores):
        pairs = np.zeros((len(positive), len(negative)))
        for i, p in enumerate(positive):
            for j, n in enumerate(negative):
                pairs[i, j] = (scores[p] > scores[n]) + (scores[p] == scores[n]) / 2
        return pairs

    pairs = kernel(candidate) - kernel(baseline)
    error = np.sqrt(
        pairs.mean(axis=1).var() / len(positive) + pairs.mean(axis=0).var() / len(negative)
    )
    expected = pairs.mean() - 1.959964 * error, pairs.mean() + 1.959964 * error
    assert bootstrap.unclustered_interval(labels, candidate, baseline) == pytest.approx(expected)


def test_a_million_predictions_take_seconds():
    random = np.random.default_rng(0)
    labels = (random.random(1_000_000) < 0.2).astype(float)
    users = random.integers(0, 100_000, 1_000_000)
    scores = random.random((2, 1_000_000)).astype(np.float32)
    models = [Predictions(labels, one, users, np.zeros_like(users)) for one in scores]
    begin = time.process_time()
    bootstrap.paired_bootstrap(*models, replicas=20)
    assert time.process_time() - begin < 5  # 2 s to prepare, 10 ms a replica


@pytest.mark.parametrize("change", [{"labels": np.zeros(1000)}, {"scores": np.full(1000, np.nan)}])
def test_refuses(change):
    pair = [dataclasses.replace(one, **change) for one in simulated(np.random.default_rng(0))]
    with pytest.raises(ValueError, match=r"'auc', 'gauc'.*not defined"):
        bootstrap.paired_bootstrap(*pair, replicas=5)
