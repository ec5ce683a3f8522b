"""Holm against a hand-computed case; intervals against a bootstrap written as loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.evaluator.holm import holm
from models import metrics
from models.metrics import Predictions
from pipeline.ablation.compare import Draws


def test_holm_by_hand():
    # Sorted: .005 .01 .02 .04 .30, times 5 4 3 2 1: .025 .04 .06 .08 .30, already rising.
    p = [0.04, 0.005, 0.30, 0.01, 0.02]
    assert holm(p) == pytest.approx([0.08, 0.025, 0.30, 0.04, 0.06])
    # .01 .03 .04 times 3 2 1: .03 .06 .04; the last may not be less than the one before.
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    # Never above 1, and equal p-values stay equal.
    assert holm([0.6, 0.9, 0.6]) == pytest.approx([1.0, 1.0, 1.0])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_rejects_what_the_stepwise_procedure_rejects(p):
    for level in (0.01, 0.05, 0.2):
        rejected = set()
        for step, index in enumerate(sorted(range(len(p)), key=p.__getitem__)):
            if p[index] * (len(p) - step) > level:
                break
            rejected.add(index)
        assert {i for i, adjusted in enumerate(holm(p)) if adjusted <= level} == rejected


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(5)
    users = rng.integers(60, size=1500)
    logit = rng.normal(size=1500) + rng.normal(size=60)[users]
    labels = (rng.random(1500) < 1 / (1 + np.exp(-logit))).astype(float)

    def model(noise, seed):
        values = logit + noise * np.random.default_rng(seed).normal(size=1500)
        return 1 / (1 + np.exp(-values))

    scores = {("good", s): model(0.5, s) for s in (1, 2)}
    scores |= {("bad", s): model(2.5, s + 10) for s in (1, 2)}
    return labels, users, scores


def draws_of(labels, users, scores, replicas):
    """All targets of a user are one request."""
    models = {k: Predictions(labels, s, users, np.zeros_like(users)) for k, s in scores.items()}
    return Draws(models, replicas)


def test_a_difference_is_the_mean_over_paired_seeds(data):
    labels, users, scores = data
    draws = draws_of(labels, users, scores, replicas=200)
    found = draws.interval("auc", [("good", 1), ("good", 2)], [("bad", 1), ("bad", 2)])
    by_hand = [
        metrics.auc(labels, scores["good", s]) - metrics.auc(labels, scores["bad", s])
        for s in (1, 2)
    ]
    assert found.estimate == pytest.approx(np.mean(by_hand))
    assert draws.observed("auc", ("good", 1)) == pytest.approx(
        metrics.auc(labels, scores["good", 1])
    )
    assert found.lower < found.estimate < found.upper
    assert found.p_value == pytest.approx(2 / 201)
    same = draws.interval("gauc", [("good", 1)], [("good", 1)])
    assert (same.estimate, same.lower, same.upper, same.p_value) == (0, 0, 0, 1)


def test_an_interval_is_as_wide_as_a_bootstrap_in_loops(data):
    labels, users, scores = data
    draws = draws_of(labels, users, scores, replicas=2000)
    found = draws.interval("auc", [("good", 1), ("good", 2)], [("bad", 1), ("bad", 2)])
    rng = np.random.default_rng(99)
    drawn = []
    for _ in range(600):
        weights = rng.poisson(1.0, 60)[users]
        seeds = rng.choice([1, 2], 2)
        drawn.append(
            np.mean(
                [
                    metrics.auc(labels, scores["good", s], weights)
                    - metrics.auc(labels, scores["bad", s], weights)
                    for s in seeds
                ]
            )
        )
    lower, upper = np.quantile(drawn, [0.025, 0.975])
    width = upper - lower
    assert abs(found.lower - lower) < 0.15 * width
    assert abs(found.upper - upper) < 0.15 * width


def test_a_metric_of_a_few_users_has_no_interval(data):
    labels, users, scores = data
    some = np.where(users < 20, labels, 0.0)
    draws = draws_of(some, users, scores, replicas=50)
    pair = [("good", 1)], [("bad", 1)]
    for name in ("auc", "gauc"):  # clicks are those of 20 users
        assert np.isnan(draws.interval(name, *pair).estimate)
    assert np.isfinite(draws.interval("logloss", *pair).lower)
