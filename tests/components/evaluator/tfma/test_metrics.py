"""What TFMA's calibration plot is made from."""

from __future__ import annotations

import numpy as np

from components.evaluator.tfma.metrics import histogram
from models.metrics import Predictions


def told(predictions: Predictions) -> list[tuple[float, ...]]:
    return [
        (
            bucket.lower_threshold_inclusive,
            bucket.upper_threshold_exclusive,
            bucket.num_weighted_examples.value,
            bucket.total_weighted_label.value,
            bucket.total_weighted_refined_prediction.value,
        )
        for bucket in histogram(predictions).buckets
    ]


def test_scores_fall_into_thousandths_and_what_is_outside_into_the_ends():
    labels = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0])
    scores = np.array([0.25, 0.2505, 0.0, 1.0, -0.5, np.nan, 2.0])
    assert told(Predictions(labels, scores, np.arange(7), np.zeros(7, np.int64))) == [
        (-np.inf, 0.0, 1.0, 0.0, -0.5),
        (0.0, 0.001, 1.0, 1.0, 0.0),
        (0.25, 0.251, 2.0, 1.0, 0.5005),
        (1.0, np.inf, 2.0, 2.0, 3.0),
    ]


def test_nothing_is_no_bucket():
    assert told(Predictions.merge([])) == []


def test_targets_count_by_weight():
    labels, scores = np.array([1.0, 0.0]), np.array([0.25, 0.2505])
    weights = np.array([3.0, 2.0], np.float32)
    users = np.arange(2)
    assert told(Predictions(labels, scores, users, users, weights=weights)) == [
        (0.25, 0.251, 5.0, 3.0, 3 * 0.25 + 2 * 0.2505)
    ]
