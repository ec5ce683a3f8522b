"""Requests that are drawn hold what the model knows."""

from __future__ import annotations

import json

import numpy as np
import tensorflow as tf

from models import features
from models.example_request import ExampleRequests

INPUTS = {  # of all types that there are
    "history_item": tf.TensorSpec([None, None], tf.int64),
    "history_length": tf.TensorSpec([None], tf.int64),
    "history_time": tf.TensorSpec([None, None], tf.int64),
    "history_dwell": tf.TensorSpec([None, None], tf.float32),
    "target_item": tf.TensorSpec([None, None], tf.int64),
    "target_category": tf.TensorSpec([None, None], tf.string),
    "target_time": tf.TensorSpec([None, None], tf.int64),
    "user_city": tf.TensorSpec([None, None], tf.string),
}


def test_requests_hold_ids_of_the_vocabularies(tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "item").write_text("7\n5\n9\n")
    (tmp_path / "assets" / "category").write_text("été\nb c\n")
    (tmp_path / "assets" / "places").write_text("Ulm\n")
    vocabularies = {
        "history_item": "item", "target_item": "item", "target_category": "category",
        "user_city": "places",
    }  # fmt: skip
    contract = {
        "signatures": {
            "score": {
                "inputs": {name: {} for name in INPUTS}
                | {name: {"vocabulary": table} for name, table in vocabularies.items()}
            }
        },
        "time": {"last_of_training": 1_600_000_000},
    }
    (tmp_path / features.CONTRACT).write_text(json.dumps(contract))
    request = ExampleRequests.of_model(INPUTS, str(tmp_path)).draw(50, 30)
    assert {name: array.shape for name, array in request.items()} == {
        "history_item": (1, 50),
        "history_length": (1,),
        "history_time": (1, 50),
        "history_dwell": (1, 50),
        "target_item": (1, 30),
        "target_category": (1, 30),
        "target_time": (1, 30),
        "user_city": (1, 1),
    }
    assert set(request["history_item"][0]) == {5, 7, 9}
    assert set(request["target_category"][0]) == {"été".encode(), b"b c"}
    assert request["user_city"].tolist() == [[b"Ulm"]]
    assert request["history_length"].tolist() == [50]
    assert (np.diff(request["history_time"]) > 0).all()
    assert (request["target_time"] > request["history_time"][0, -1]).all()
    assert request["history_time"][0, 0] == 1_600_000_000


def test_requests_of_a_model_of_which_nothing_is_known(tmp_path):
    request = ExampleRequests.of_model(INPUTS, str(tmp_path)).draw(3, 2)
    assert request["history_item"].shape == (1, 3)
    assert all(isinstance(value, bytes) for value in request["target_category"][0])
