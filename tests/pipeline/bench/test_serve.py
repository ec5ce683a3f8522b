"""The rows of `bench serve` of a tiny model, and its floor; no figure is judged here."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

from pipeline.bench import serve
from pipeline.cli import main
from pipeline.serve.example_request import ExampleRequests
from tests.pipeline.serve.tiny import publish


def test_the_floor_finds_the_largest_products():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(serve.ROWS, serve.WIDTH)).astype(np.float32)
    history = rng.integers(0, serve.ROWS, [serve.DIFFERENT, 40])[3]
    targets = rng.normal(size=(serve.DIFFERENT, 5, serve.WIDTH)).astype(np.float32)[3]
    found = serve.floor(40, 5, 7)(3)
    products = np.float64(targets) @ np.float64(table[history]).T
    assert found.shape == (5, 7)
    for row, places in zip(products, found, strict=True):
        assert set(places) == set(np.argsort(row)[-7:])
    assert serve.floor(4, 5, 7)(0).tolist() == [[0, 1, 2, 3]] * 5


class Signature:
    """The inputs of `score` that there are, in all types."""

    inputs = {  # noqa: RUF012
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
    (tmp_path / "assets" / "city").write_text("Ulm\n")
    request = ExampleRequests(Signature(), tmp_path).draw(50, 30)
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


def test_rows_in_process_and_over_grpc(tmp_path, capfd):
    publish(tmp_path, 3)
    out = tmp_path / "out.json"
    words = "--length 8 --length 60 --targets 4 --clients 2 --requests 6 --top-k 5"
    code = main(["bench", "serve", "--model", str(tmp_path), *words.split(), "--json", str(out)])
    printed = capfd.readouterr()
    assert code == 0, printed.err
    result = json.loads(out.read_text())
    assert result["command"] and result["machine"] and result["versions"]
    rows = result["rows"]
    assert [(row["length"], row["targets"], row["clients"]) for row in rows] == [
        (8, 4, None), (60, 4, None), (8, 4, 2), (60, 4, 2)
    ]  # fmt: skip
    for row in rows:
        assert row["model"] == str(tmp_path)
        assert row["requests"] == 6
        assert 0 < row["p50_ms"] <= row["p99_ms"]
        assert row["of_floor"] == pytest.approx(row["p50_ms"] / row["floor_ms"])
        assert ("requests_per_second" in row) == (row["clients"] is not None)
    assert "requests/s" in printed.out
    assert f"written to {out}" in printed.out
