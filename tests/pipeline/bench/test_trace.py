"""The operations of a request, counted by hand; their times are not judged."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import tensorflow as tf

from pipeline.bench.trace import lookup_share, operations
from pipeline.serve.model import Model


class LooksUp(tf.Module):
    """Looks two inputs up, and multiplies what it found."""

    def __init__(self):
        super().__init__()
        keys = tf.constant([10, 20], tf.int64)
        entries = tf.lookup.KeyValueTensorInitializer(keys, tf.constant([3.0, 5.0]))
        self.table = tf.lookup.StaticHashTable(entries, 0.0)

    @tf.function(
        input_signature=[
            {name: tf.TensorSpec([None], tf.int64, name) for name in ("first", "second")}
        ]
    )
    def score(self, x):
        return {"probability": self.table.lookup(x["first"]) * self.table.lookup(x["second"])}


def test_operations_by_kind(tmp_path):
    module = LooksUp()
    tf.saved_model.save(module, str(tmp_path), {"score": module.score.get_concrete_function()})
    model = Model(tmp_path)
    request = {"first": np.array([10, 20, 30]), "second": np.array([20, 20, 20])}
    assert model.signature("score")(request)["probability"].tolist() == [15, 25, 0]
    ran = operations(model, request)
    kinds = Counter(kind for kind, _ in ran)
    assert kinds["LookupTableFindV2"] == 2
    assert kinds["Mul"] == 1
    assert all(seconds >= 0 for _, seconds in ran)
    looking = sum(seconds for kind, seconds in ran if kind == "LookupTableFindV2")
    assert 0 < looking < sum(seconds for _, seconds in ran)
    assert 0 < lookup_share(model, [request]) < 1


def test_the_share_is_the_median(monkeypatch):
    ran = {
        1: [("LookupTableFindV2", 1.0), ("Mul", 3.0)],
        2: [("LookupTableFind", 1.0), ("LookupTableFindV2", 1.0), ("MatMul", 2.0)],
        3: [("MatMul", 7.0)],
    }
    monkeypatch.setattr("pipeline.bench.trace.operations", lambda _, request: ran[request])
    assert lookup_share(None, [1, 2, 3]) == pytest.approx(0.25)
