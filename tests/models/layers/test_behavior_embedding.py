"""Rows of behaviours and targets, by hand."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from models.layers import BehaviorEmbedding


def embedding() -> BehaviorEmbedding:
    layer = BehaviorEmbedding(
        3, 2, {"behavior": 2, "dwell": 3}, item_dim=2, category_dim=1, cross_dim=1
    )
    layer.set_weights(
        [
            np.array([[0, 0], [1, 2], [3, 4]], np.float32),
            np.array([[0], [5]], np.float32),
            np.array([[0], [6]], np.float32),
            np.array([[0], [7], [8]], np.float32),
        ]
    )
    return layer


def test_row_of_a_behavior_is_item_category_then_cross_features():
    ids = {"item": [[2, 1]], "category": [[1, 0]], "behavior": [[0, 1]], "dwell": [[2, 1]]}
    rows = embedding()({name: tf.constant(value) for name, value in ids.items()})
    assert rows.numpy().tolist() == [[[3, 4, 5, 0, 8], [1, 2, 0, 6, 7]]]


def test_row_of_a_target_is_a_behaviors_first_columns():
    layer = embedding()
    rows = layer({"item": tf.constant([[2]]), "category": tf.constant([[1]])})
    assert rows.numpy().tolist() == [[[3, 4, 5]]]
    assert (layer.inherent_dim, layer.behavior_dim) == (3, 5)


def test_gradient_touches_only_looked_up_rows():
    layer = embedding()
    with tf.GradientTape() as tape:
        rows = layer({"item": tf.constant([2, 2]), "category": tf.constant([0, 1])})
        loss = tf.reduce_sum(rows)
    gradient = tape.gradient(loss, layer.trainable_variables[0])
    assert isinstance(gradient, tf.IndexedSlices)
    assert gradient.indices.numpy().tolist() == [2, 2]


def test_tables_keep_float32_under_mixed_precision():
    layer = BehaviorEmbedding(3, 2, {}, item_dim=2, category_dim=1, dtype="mixed_bfloat16")
    rows = layer({"item": tf.constant([1]), "category": tf.constant([1])})
    assert rows.dtype == tf.bfloat16
    assert layer.trainable_variables[0].dtype == tf.float32


def test_products_are_those_of_rows_for_tables_smaller_and_larger_than_the_history():
    layer = BehaviorEmbedding(50, 3, {"behavior": 4}, item_dim=5, category_dim=2, cross_dim=3)
    rng = np.random.default_rng(1)
    sizes = {"item": 50, "category": 3, "behavior": 4}
    for length in (1, 2, 8, 40):  # two rows of a table per behaviour are few, more are many
        ids = {name: rng.integers(0, size, [2, length]) for name, size in sizes.items()}
        queries = rng.normal(size=[2, 3, 10]).astype(np.float32)
        tables = [weight.numpy() for weight in layer.weights]
        rows = np.concatenate(
            [table[ids[name]] for table, name in zip(tables, sizes, strict=True)], -1
        )
        expected = np.einsum("btd,bld->btl", queries, rows)
        products = layer.products(tf.constant(queries), {k: tf.constant(v) for k, v in ids.items()})
        np.testing.assert_allclose(products, expected, rtol=1e-5, atol=1e-6)
