"""The curves of the report against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from components.evaluation_report import curves


@given(st.integers(0, 2**32 - 1), st.integers(2, 400), st.sampled_from([2, 10, 10**6]))
def test_every_point_of_roc_lies_on_that_of_scikit_learn(seed, count, levels):
    random = np.random.default_rng(seed)
    labels = np.append([0, 1], random.integers(0, 2, count))
    scores = random.integers(0, levels, len(labels)) / levels
    false, true, _ = sklearn_metrics.roc_curve(labels, scores, drop_intermediate=False)
    found = curves.roc(labels, scores)
    expected = set(zip(false.round(9), true.round(9), strict=True))
    points = list(zip(*(rates.round(9) for rates in found), strict=True))
    assert set(points) <= expected
    assert points[0] == (0, 0)
    assert points[-1] == (1, 1)


def test_a_thinned_roc_keeps_the_area():
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 20_000)
    scores = labels * 0.5 + random.random(20_000)
    found = curves.roc(labels, scores)
    assert len(found.true_positive_rate) <= 202
    area = sklearn_metrics.auc(found.false_positive_rate, found.true_positive_rate)
    assert area == pytest.approx(sklearn_metrics.roc_auc_score(labels, scores), abs=1e-4)


def test_distribution_by_hand():
    found = curves.distribution([0, 0, 0, 1], [0.0, 0.3, 0.4, 1.0], bins=2)
    assert found.edges.tolist() == [0, 0.5, 1]
    assert found.negatives.tolist() == [1, 0]
    assert found.positives.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("labels", "scores"), [([1, 1], [0.1, 0.2]), ([0, 1], [0.1, np.nan]), ([], [])]
)
def test_there_is_no_curve_where_the_data_define_none(labels, scores):
    assert curves.roc(labels, scores) is None
    assert curves.distribution(labels, scores) is None


def test_a_weight_counts_as_that_many_equal_targets():
    random = np.random.default_rng(0)
    labels, scores = random.integers(0, 2, 60), random.integers(1, 9, 60) / 10
    weights = random.integers(0, 4, 60)
    for curve in (curves.roc, curves.calibration, curves.distribution):
        found = curve(labels, scores, weights)
        repeated = curve(np.repeat(labels, weights), np.repeat(scores, weights))
        for mine, expected in zip(found, repeated, strict=True):
            assert mine == pytest.approx(expected)


def test_where_one_label_alone_counts_there_is_no_curve():
    assert curves.roc([0, 1, 1], [0.1, 0.2, 0.3], [0, 1, 1]) is None
    assert curves.distribution([0, 1, 1], [0.1, 0.2, 0.3], [1, 0, 0]) is None
