"""Holm against a hand-computed case; intervals against loops and tables of Student's t."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.evaluator.gate import bootstrap
from components.evaluator.holm import holm
from models import metrics
from models.metrics import Predictions
from pipeline.ablation.compare import Draws, replicas_of


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
    found = draws.interval("auc", "good", "bad", [1, 2])
    by_hand = [
        metrics.auc(labels, scores["good", s]) - metrics.auc(labels, scores["bad", s])
        for s in (1, 2)
    ]
    assert found.estimate == pytest.approx(np.mean(by_hand))
    assert draws.observed("auc", "good", 1) == pytest.approx(metrics.auc(labels, scores["good", 1]))
    assert found.lower < found.estimate < found.upper
    alone = draws_of(labels, users, {k: s for k, s in scores.items() if k[1] == 1}, replicas=200)
    assert alone.interval("auc", "good", "bad", [1]).p_value == pytest.approx(2 / 201)
    same = alone.interval("gauc", "good", "good", [1])
    assert (same.estimate, same.lower, same.upper, same.p_value) == (0, 0, 0, 1)


def test_an_interval_of_one_seed_is_as_wide_as_a_bootstrap_in_loops(data):
    labels, users, scores = data
    one = {key: of for key, of in scores.items() if key[1] == 1}
    found = draws_of(labels, users, one, replicas=2000).interval("auc", "good", "bad", [1])
    rng = np.random.default_rng(99)
    drawn = []
    for _ in range(600):
        weights = rng.poisson(1.0, 60)[users]
        drawn.append(
            metrics.auc(labels, scores["good", 1], weights)
            - metrics.auc(labels, scores["bad", 1], weights)
        )
    lower, upper = np.quantile(drawn, [0.025, 0.975])
    width = upper - lower
    assert abs(found.lower - lower) < 0.15 * width
    assert abs(found.upper - upper) < 0.15 * width


def planted(values, users=0.0, replicas=4000):
    """Draws in which runs have these metrics, {variant: of each seed}, and users hardly differ."""
    keys = [(variant, seed) for variant, of in values.items() for seed in range(len(of))]
    observed = np.concatenate([np.asarray(of, float) for of in values.values()])
    noise = users * np.random.default_rng(3).normal(size=(replicas, 1))
    first = np.array([key[0] == next(iter(values)) for key in keys])
    made = Draws({})
    made._draws = {"auc": bootstrap.Draws(observed, observed + noise * first, 1000.0)}
    made._place = {key: place for place, key in enumerate(keys)}
    return made


# 97.5 % quantiles of Student's t, from its tables.
T_2, T_6 = 4.303, 2.447


def test_two_variants_are_compared_by_the_paired_t_interval():
    # Differences .01, .03, .05: mean .03, deviation .02, standard error .02 / sqrt(3).
    found = planted({"a": [0.71, 0.73, 0.75], "b": [0.70, 0.70, 0.70]}).interval(
        "auc", "a", "b", range(3)
    )
    reach = T_2 * 0.02 / 3**0.5
    assert found.estimate == pytest.approx(0.03)
    assert found.lower == pytest.approx(0.03 - reach, abs=0.03 * reach)
    assert found.upper == pytest.approx(0.03 + reach, abs=0.03 * reach)
    # t = .03 / (.02 / sqrt(3)) = 2.598; of 2 degrees of freedom, p = .122.
    assert found.p_value == pytest.approx(0.122, abs=0.01)


def test_variants_lend_each_other_what_they_tell_of_seeds():
    """Less the means of variant and seed, four variants of 3 seeds leave 3 x 2 degrees of freedom.

    By its own seeds, the difference of `a` and `b` would be certain.
    """
    values = {"a": [0.72, 0.72, 0.72], "b": [0.70, 0.70, 0.70],
              "c": [0.71, 0.70, 0.69], "d": [0.69, 0.70, 0.71]}  # fmt: skip
    found = planted(values).interval("auc", "a", "b", range(3))
    # The means of seeds are all .705: +-.01 of c and d are left, in squares 4e-4.
    reach = T_6 * (2 * 4e-4 / 6 / 3) ** 0.5
    assert found.upper - found.lower == pytest.approx(2 * reach, rel=0.03)


def test_a_noisier_pair_is_judged_by_its_own_seeds():
    values = {"a": [0.75, 0.70, 0.65], "b": [0.70] * 3, "c": [0.70] * 3, "d": [0.70] * 3}
    found = planted(values).interval("auc", "a", "b", range(3))
    assert found.upper - found.lower == pytest.approx(2 * T_6 * 0.05 / 3**0.5, rel=0.03)


def test_a_variant_without_a_value_or_with_fewer_seeds_hides_no_noise():
    noisy = {"a": [0.71, 0.73, 0.75], "b": [0.70, 0.70, 0.70]}
    alone = planted(noisy).interval("auc", "a", "b", range(3))
    for other in ([np.nan] * 3, [0.7]):
        found = planted(noisy | {"c": other}).interval("auc", "a", "b", range(3))
        assert found.upper - found.lower == pytest.approx(alone.upper - alone.lower, rel=0.03)


@pytest.mark.parametrize("seeds", [2, 3])
def test_variants_that_differ_by_their_seeds_alone_are_seldom_told_apart(seeds):
    """Draws of pairs with replacement did so in 47 % of cases with 2 seeds, in 24 % with 3."""
    rng = np.random.default_rng(0)
    told = 0
    for _ in range(200):
        values = dict(zip("abcd", rng.normal(0.7, 0.01, (4, seeds)), strict=True))
        found = planted(values, users=0.001, replicas=400).interval("auc", "a", "b", range(seeds))
        told += found.p_value < 0.05
    assert told <= 20  # of 10 that chance gives


def test_a_metric_of_a_few_users_has_no_interval(data):
    labels, users, scores = data
    some = np.where(users < 20, labels, 0.0)
    draws = draws_of(some, users, scores, replicas=50)
    pair = "good", "bad", [1]
    for name in ("auc", "gauc", "logloss"):  # clicks are those of 20 users
        assert np.isnan(draws.interval(name, *pair).estimate)


@pytest.mark.parametrize("comparisons", [1, 9, 50, 400])
def test_of_however_many_variants_one_that_is_certainly_better_can_be_told(comparisons):
    least = 2 / (replicas_of(comparisons) + 1)
    assert holm([least] + [0.5] * (comparisons - 1))[0] < 0.05
