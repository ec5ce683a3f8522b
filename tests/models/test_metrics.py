"""Metrics against scikit-learn, loops over pairs, and hand arithmetic."""

from __future__ import annotations

import time

import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
import sklearn.metrics

from models import metrics
from models.metric_table import counts, evaluate


def pair_auc(labels, scores, weights):
    """AUC by its definition: every pair of a positive and a negative, one by one."""
    right = total = 0.0
    for i in np.flatnonzero(labels == 1):
        for j in np.flatnonzero(labels == 0):
            pair = weights[i] * weights[j]
            total += pair
            right += pair * ((scores[i] > scores[j]) + 0.5 * (scores[i] == scores[j]))
    return right / total if total else float("nan")


@st.composite
def predictions(draw):
    """Few distinct scores (ties), few users (some of one class only), weights with zeros."""
    n = draw(st.integers(0, 30))
    scores = draw(hnp.arrays(np.float64, n, elements=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0])))
    labels = draw(hnp.arrays(np.float64, n, elements=st.sampled_from([0.0, 1.0])))
    users = draw(hnp.arrays(np.int64, n, elements=st.integers(-2, 4)))
    weights = draw(hnp.arrays(np.float64, n, elements=st.integers(0, 3)))
    return labels, scores, users, weights


@hypothesis.given(predictions())
def test_auc_counts_every_pair(data):
    labels, scores, _, weights = data
    np.testing.assert_allclose(
        metrics.auc(labels, scores, weights), pair_auc(labels, scores, weights), rtol=1e-12
    )


@hypothesis.given(predictions())
def test_gauc_over_time_is_the_mean_over_users_with_both_labels(data):
    labels, scores, users, weights = data
    values, sizes = [], []
    for user in np.unique(users):
        mine = users == user
        value = pair_auc(labels[mine], scores[mine], weights[mine])
        if not np.isnan(value):
            values.append(value)
            sizes.append(weights[mine].sum())
    expected = np.average(values, weights=sizes) if values else float("nan")
    result = metrics.gauc_over_time(labels, scores, users, weights)
    np.testing.assert_allclose(result, expected, rtol=1e-12)


@hypothesis.given(predictions())
def test_integer_weights_repeat_predictions(data):
    labels, scores, users, weights = data
    again = np.repeat(np.arange(len(labels)), weights.astype(int))
    for metric in (
        metrics.auc, metrics.logloss, metrics.normalized_entropy, metrics.calibration,
    ):  # fmt: skip
        np.testing.assert_allclose(
            metric(labels, scores, weights), metric(labels[again], scores[again]), rtol=1e-9
        )
    np.testing.assert_allclose(
        metrics.gauc_over_time(labels, scores, users, weights),
        metrics.gauc_over_time(labels[again], scores[again], users[again]),
        rtol=1e-9,
    )


@hypothesis.given(predictions(), st.integers(1, 8), st.booleans(), st.randoms())
def test_merging_parts_in_any_order_changes_nothing(data, count, frozen, random):
    labels, scores, users, requests = data
    shares = np.array_split(np.arange(len(labels)), count)
    random.shuffle(shares)

    def of(rows):
        columns = labels[rows], scores[rows], users[rows], requests[rows].astype(np.int64)
        return metrics.Predictions(*columns, 1 - scores[rows] if frozen else None)

    whole = evaluate(of(np.arange(len(labels)))) | counts(of(np.arange(len(labels))))
    merged = metrics.Predictions.merge([of(share) for share in shares])
    assert merged.protocol == ("frozen" if frozen else "request")
    values = evaluate(merged) | counts(merged)
    assert values.keys() == whole.keys()
    np.testing.assert_allclose(list(values.values()), list(whole.values()), rtol=1e-12)


def test_equal_to_scikit_learn():
    random = np.random.default_rng(1)
    labels = random.integers(0, 2, 5000)
    scores = np.round(np.clip(random.normal(0.4 + 0.2 * labels, 0.2), 0, 1), 2)
    weights = random.random(5000)
    for w in (None, weights):
        assert metrics.auc(labels, scores, w) == pytest.approx(
            sklearn.metrics.roc_auc_score(labels, scores, sample_weight=w), abs=1e-12
        )
        clipped = np.clip(scores, metrics.PROBABILITY_CLIP, 1 - metrics.PROBABILITY_CLIP)
        assert metrics.logloss(labels, scores, w) == pytest.approx(
            sklearn.metrics.log_loss(labels, clipped, sample_weight=w), abs=1e-12
        )


def test_by_hand():
    labels, scores = [1, 0, 1, 0], [0.8, 0.4, 0.4, 0.2]
    # Pairs: (.8, .4) and (.8, .2) and (.4, .2) right, (.4, .4) a tie: 3.5 of 4.
    assert metrics.auc(labels, scores) == 0.875
    expected = -(np.log(0.8) + np.log(0.6) + np.log(0.4) + np.log(0.8)) / 4
    assert metrics.logloss(labels, scores) == pytest.approx(expected)
    assert metrics.normalized_entropy(labels, scores) == pytest.approx(expected / np.log(2))
    assert metrics.calibration(labels, scores) == pytest.approx(1.8 / 2)
    # Two bins: {.2, .4, .4} with one positive (the tie stays together), {.8} with one.
    curve = metrics.calibration_curve(labels, scores, bins=2)
    np.testing.assert_allclose(curve, [[1 / 3, 0.8], [1 / 3, 1.0], [3, 1]])
    assert metrics.ece(labels, scores, bins=2) == pytest.approx(0.2 / 4)
    assert metrics.rela_impr(0.62, 0.60) == pytest.approx(0.2)
    assert metrics.lift_share(0.62, 0.70) == pytest.approx(0.6)
    assert np.isnan(metrics.lift_share(0.62, 0.5))


def test_gauc_uauc_and_counts_by_hand():
    users = np.array(["a"] * 2 + ["b"] * 4 + ["c"] * 3, object)
    labels = np.array([1, 0, 1, 0, 0, 0, 1, 1, 1])
    scores = np.array([0.9, 0.1, 0.2, 0.3, 0.1, 0.2, 0.5, 0.6, 0.7])
    # a: 1 of 1; b: (0 + 1 + 1/2) of 3 = 1/2; c has positives only.
    found = metrics.Predictions(labels, scores, users, np.zeros(9, np.int64))
    values = evaluate(found)
    assert values["gauc"] == pytest.approx((2 * 1 + 4 * 0.5) / 6)
    assert values["gauc_over_time"] == pytest.approx(values["gauc"])
    assert values["uauc"] == pytest.approx(0.75)
    # a: 1; b: behind .3, the tie of .2 has the click at place 2 or 3.
    assert values["mrr"] == pytest.approx((1 + (1 / 2 + 1 / 3) / 2) / 2)
    assert counts(found) == {
        "predictions": 9, "users": 3, "lists": 2, "gauc_users": 2, "gauc_impressions": 6,
    }  # fmt: skip


@pytest.mark.parametrize("labels", [[], [1, 1], [0, 0]])
def test_undefined_is_nan(labels):
    scores = [0.5] * len(labels)
    assert np.isnan(metrics.auc(labels, scores))
    assert np.isnan(metrics.gauc_over_time(labels, scores, labels))
    assert np.isnan(metrics.normalized_entropy(labels, scores))


def test_certain_and_wrong_costs_a_finite_loss():
    assert metrics.logloss([1.0], [0.0]) == pytest.approx(-np.log(metrics.PROBABILITY_CLIP))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 2], [0.1, 0.2]), r"`labels` must lie in \[0, 1\]. Received: 2"),
        (([0, np.nan], [0.1, 0.2]), "`labels`.*nan"),
        (([0, 1], [0.1, 0.2, 0.3]), r"`labels` and `scores`.*\(2,\) and \(3,\)"),
        (([0, 1], [0.1, 0.2], [1, -1]), "`weights` must not be negative. Received: -1"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        metrics.auc(*arguments)


def test_refuses_to_mix_protocols():
    one, zero = np.ones(1), np.zeros(1, np.int64)
    with pytest.raises(ValueError, match="`parts` must all have `frozen`"):
        metrics.Predictions.merge(
            [
                metrics.Predictions(one, one, zero, zero),
                metrics.Predictions(one, one, zero, zero, one),
            ]
        )


def test_a_million_predictions_of_a_hundred_thousand_users_are_quick():
    random = np.random.default_rng(0)
    labels, scores = random.random(1_000_000) < 0.2, random.random(1_000_000)
    users = random.integers(0, 100_000, 1_000_000)
    found = metrics.Predictions(labels, scores, users, np.zeros(1_000_000, np.int64))
    begin = time.process_time()
    evaluate(found, ["gauc", "ndcg_at_10", "mrr"])
    assert time.process_time() - begin < 3  # 1 s on an idle core
