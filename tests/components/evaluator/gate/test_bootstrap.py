"""The paired bootstrap: against weighted metrics, and by simulation of its coverage."""

from __future__ import annotations

import time

import numpy as np
import pytest

from components.evaluator.gate import bootstrap
from models import metrics


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
    return labels, candidate, baseline, user


def test_a_replica_is_the_metric_of_weighted_predictions():
    random = np.random.default_rng(3)
    labels, scores, _, users = simulated(random, users=30)
    scores = 1 / (1 + np.exp(-np.round(scores, 1)))  # with ties
    weights = random.poisson(1.0, 30).astype(np.uint8)
    each = weights[users]
    truth = {
        "auc": metrics.auc(labels, scores, each),
        "gauc": metrics.gauc(labels, scores, users, each),
        # A user drawn twice is two users.
        "uauc": np.average(
            [metrics.auc(labels[users == u], scores[users == u]) for u in range(30)],
            weights=weights,
        ),
        "logloss": metrics.logloss(labels, scores, each),
        "calibration": metrics.calibration(labels, scores, each),
    }
    for name, value in truth.items():
        replicas = bootstrap._REPLICAS[name](labels, scores, users)
        found = replicas(np.stack([weights, np.zeros_like(weights)]))
        assert found == pytest.approx([value, np.nan], rel=1e-12, nan_ok=True), name


def test_the_same_seed_gives_the_same_interval_whatever_users_are_called():
    labels, candidate, baseline, users = simulated(np.random.default_rng(0))
    found = [
        bootstrap.paired_bootstrap(labels, candidate, baseline, names, replicas=50, seed=seed)
        for names, seed in ((users, 1), (users + 10**6, 1), (users, 2))
    ]
    assert found[0] == found[1]
    assert found[0]["auc"].lower != found[2]["auc"].lower
    assert found[0]["auc"].estimate == found[2]["auc"].estimate
    assert found[0]["auc"].estimate == pytest.approx(
        metrics.auc(labels, candidate) - metrics.auc(labels, baseline)
    )


def test_a_model_against_itself_differs_by_nothing():
    labels, candidate, _, users = simulated(np.random.default_rng(0))
    for interval in bootstrap.paired_bootstrap(
        labels, candidate, candidate, users, replicas=50
    ).values():
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
        lower, upper = bootstrap.unclustered_interval(*data[:3])
        covered["unclustered"] += lower <= 0 <= upper
    assert 0.92 <= covered["auc"] / 500 <= 0.98, covered
    assert 0.92 <= covered["gauc"] / 500 <= 0.98, covered
    # Blind to users, the interval claims to know more than it can.
    assert covered["unclustered"] / 500 < 0.85, covered


def test_the_unclustered_interval_is_delongs():
    labels, candidate, baseline, _ = simulated(np.random.default_rng(5), users=12)
    candidate, baseline = np.round(candidate, 1), np.round(baseline, 1)  # with ties
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
    begin = time.process_time()
    bootstrap.paired_bootstrap(labels, *scores, users, replicas=20)
    assert time.process_time() - begin < 5  # 2 s to prepare, 10 ms a replica


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"names": ["auc", "recall"]}, r"`names` must be of.*\['auc', 'recall'\]"),
        ({"labels": np.zeros(1000)}, "'auc', 'gauc'.*not defined"),
        ({"candidate": np.full(1000, np.nan)}, "'auc', 'gauc'.*not defined"),
    ],
)
def test_refuses(change, message):
    names = ("labels", "candidate", "baseline", "users")
    data = dict(zip(names, simulated(np.random.default_rng(0)), strict=True))
    with pytest.raises(ValueError, match=message):
        bootstrap.paired_bootstrap(**(data | {"replicas": 5} | change))
