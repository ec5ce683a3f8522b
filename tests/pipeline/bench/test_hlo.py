"""The file of an exported program: its fields, and that exporting changes nothing."""

from __future__ import annotations

import json

import numpy as np
import tensorflow as tf

from pipeline.bench import hlo


def read(path):
    with np.load(path) as file:
        arrays = dict(file)
    return arrays, json.loads(arrays.pop("meta").tobytes())


def rebuilt(entry):
    """An input from its recipe, as the format says it."""
    kind, _, options = entry["gen"].partition(":")
    options = dict(option.split("=") for option in options.split(","))
    assert kind == "normal"
    normal = np.random.default_rng(int(options["seed"])).standard_normal(entry["shape"], np.float32)
    return (normal * np.float32(options["scale"])).astype(entry["dtype"])


def test_a_program_with_its_inputs_and_outputs(tmp_path):
    weight = tf.Variable([[1.0, 2.0], [3.0, 4.0]], name="weight")
    batch = {"x": tf.constant([[1.0, 1.0]]), "a": tf.constant([5], tf.int32)}

    def function(batch):
        product = tf.matmul(batch["x"], weight)
        weight.assign_add(tf.ones([2, 2]))
        return {"product": product, "next": batch["a"] + 1}

    hlo.export(function, batch, tmp_path / "p.npz")
    assert [p.name for p in tmp_path.iterdir()] == ["p.npz"]
    arrays, meta = read(tmp_path / "p.npz")
    assert weight.numpy().tolist() == [[1, 2], [3, 4]]
    assert [(i["name"], i["shape"], i["dtype"]) for i in meta["inputs"]] == [
        ("a", [1], "int32"),
        ("x", [1, 2], "float32"),
        ("weight:0", [2, 2], "float32"),
    ]
    assert arrays["in_2"].tolist() == [[1, 2], [3, 4]]
    assert [o["shape"] for o in meta["outputs"]] == [[1], [1, 2]]
    assert arrays["out_0"].tolist() == [6]
    assert arrays["out_1"].tolist() == [[4, 6]]
    assert meta["module"].startswith("HloModule")
    assert arrays["hlo"].dtype == np.uint8
    assert arrays["hlo"].size > 0
    assert arrays["stablehlo"].tobytes().startswith(b"ML\xefR")  # MLIR bytecode
    assert {i["gen"] for i in meta["inputs"]} == {None}


def test_a_large_table_is_kept_as_a_recipe(tmp_path):
    table = tf.Variable(tf.ones([hlo.LARGE // 4, 4]), name="table")
    slot = tf.Variable(tf.zeros([hlo.LARGE // 4, 4]), name="slot")

    def function(batch):
        return tf.gather(table, batch["ids"]) + tf.gather(slot, batch["ids"])

    hlo.export(function, {"ids": tf.constant([3, 9])}, tmp_path / "p.npz")
    arrays, meta = read(tmp_path / "p.npz")
    entries = {entry["name"]: entry for entry in meta["inputs"]}
    np.testing.assert_array_equal(arrays["out_0"], rebuilt(entries["table:0"])[[3, 9]])
    assert not rebuilt(entries["slot:0"]).any()
    assert sum(a.nbytes for a in arrays.values()) < 2**20
    assert table.numpy().min() == 1
