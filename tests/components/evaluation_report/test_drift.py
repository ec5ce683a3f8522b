"""Distances between splits, on distributions that are known."""

from __future__ import annotations

import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from components.evaluation_report import drift
from tests.components.statistics import statistics


def examples(categories: list[int]) -> dict[str, list]:
    return {"target_category": [[c] for c in categories], "target_hist_end": [[1]] * 200}


def test_the_farthest_feature_comes_first_and_positions_are_left_out():
    schema = schema_pb2.Schema()
    for name in ("target_category", "target_hist_end", "absent"):
        schema.feature.add(name=name, type=schema_pb2.INT)
    schema.feature[0].skew_comparator.jensen_shannon_divergence.threshold = 0.1
    found = drift.distances(
        {
            "train": statistics(examples([1, 2] * 100)),
            "validation": statistics(examples([1, 2] * 100)),
            "eval": statistics(examples([801, 802] * 100)),
            "items": statistics(examples([7] * 200)),  # of items, not of users
        },
        schema,
    )
    assert [(d.feature, d.compared, d.threshold) for d in found] == [
        ("target_category", "eval", 0.1),
        ("target_category", "validation", 0.1),
    ]
    assert found[0].divergence == pytest.approx(1, abs=1e-3)
    assert found[1].divergence == pytest.approx(0, abs=1e-9)
    assert schema.feature[0].skew_comparator.jensen_shannon_divergence.threshold == 0.1


def test_drift_has_thresholds_of_its_own():
    schema = schema_pb2.Schema()
    feature = schema.feature.add(name="target_category", type=schema_pb2.INT)
    feature.skew_comparator.jensen_shannon_divergence.threshold = 0.1
    feature.drift_comparator.jensen_shannon_divergence.threshold = 0.2
    now = statistics(examples([1, 2] * 100))
    found = drift.distances({"train": now}, schema, statistics(examples([801, 802] * 100)))
    assert [(d.compared, d.threshold) for d in found] == [(drift.EARLIER, 0.2)]
    assert found[0].divergence == pytest.approx(1, abs=1e-3)
    assert drift.distances({"train": now}, schema) == []
