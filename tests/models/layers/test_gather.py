"""Gathering rows: the values and the gradient of `tf.gather`."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models.layers.gather import add_rows, gather_plus, gather_rows
from tests.models.numeric import numeric_gradient


@pytest.mark.parametrize("jit", [False, True])
def test_values_and_gradient_are_those_of_tf_gather(jit):
    rng = np.random.default_rng(0)
    rows = tf.constant(rng.normal(size=(6, 3)), tf.float32)
    indices = tf.constant(rng.integers(0, 5, (2, 4)), tf.int32)  # row 5 is never read
    scale = tf.constant(rng.normal(size=(2, 4, 3)), tf.float32)

    def run(gather):
        with tf.GradientTape() as tape:
            tape.watch(rows)
            values = gather(rows, indices)
            loss = tf.reduce_sum(values * scale)
        return values, tf.convert_to_tensor(tape.gradient(loss, rows))

    values, gradient = tf.function(lambda: run(gather_rows), jit_compile=jit)()
    expected = run(tf.gather)
    np.testing.assert_array_equal(values, expected[0])
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-6)


@pytest.mark.parametrize("jit", [False, True])
def test_gather_plus_adds_the_encoding_and_the_addend(jit):
    rng = np.random.default_rng(1)
    shapes = {"rows": (6, 3), "phi": (2, 4, 2), "weights": (2, 3), "addend": (2, 4, 3)}
    given = {name: tf.constant(rng.normal(size=s), tf.float32) for name, s in shapes.items()}
    indices = tf.constant(rng.integers(0, 6, (2, 4)), tf.int32)
    scale = tf.constant(rng.normal(size=(2, 4, 3)), tf.float32)

    def in_two_steps(rows, indices, phi, weights, addend):
        return tf.gather(rows, indices) + tf.einsum("bkf,fd->bkd", phi, weights) + addend

    def run(function):
        inputs = [given["rows"], given["weights"], given["addend"]]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            values = function(inputs[0], indices, given["phi"], *inputs[1:])
            loss = tf.reduce_sum(values * scale)
        return values, [tf.convert_to_tensor(g) for g in tape.gradient(loss, inputs)]

    actual = tf.function(lambda: run(gather_plus), jit_compile=jit)()
    for value, expected in zip(
        tf.nest.flatten(actual), tf.nest.flatten(run(in_two_steps)), strict=True
    ):
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 1, 1), (4, 3), (2, 4, 3)])
def test_gradients_are_numeric_whatever_shape_the_addend_has(shape, jit):
    rng = np.random.default_rng(2)
    given = {"rows": rng.normal(size=(6, 3)), "weights": rng.normal(size=(2, 3))}
    given["addend"] = np.asarray(rng.normal(size=shape))
    indices, phi = rng.integers(0, 6, (2, 4)), rng.normal(size=(2, 4, 2)).astype(np.float32)
    scale = rng.normal(size=(2, 4, 3))

    def loss(**changed):
        x = given | changed
        return ((x["rows"][indices] + phi @ x["weights"] + x["addend"]) ** 2 * scale).sum()

    variables = {name: tf.Variable(x, dtype=tf.float32) for name, x in given.items()}

    @tf.function(jit_compile=jit)
    def gradients():
        rows, weights, addend = variables.values()
        with tf.GradientTape() as tape:
            x = gather_plus(rows, tf.constant(indices, tf.int32), phi, weights, addend)
            total = tf.reduce_sum(x**2 * scale.astype(np.float32))
        return tape.gradient(total, variables)

    for name, gradient in gradients().items():
        expected = numeric_gradient(lambda x, name=name: loss(**{name: x}), given[name])
        assert gradient.shape == expected.shape
        np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-3, err_msg=name)


@pytest.mark.parametrize("jit", [False, True])
def test_add_rows_adds_and_its_gradient_goes_to_the_rows_that_were_read(jit):
    rng = np.random.default_rng(2)
    tables = [tf.Variable(rng.normal(size=(size, 3)), dtype=tf.float32) for size in (4, 2)]
    indices = [tf.constant([[0], [2], [2], [0], [2]]), tf.constant([[1], [1], [0], [0], [1]])]
    scale = tf.constant(rng.normal(size=(5, 3)), tf.float32)

    @tf.function(jit_compile=jit)
    def run():
        with tf.GradientTape() as tape:
            added = add_rows(tables, indices, [None, None])
            loss = tf.reduce_sum(added * scale)
        gradients = tape.gradient(loss, tables)
        return added, [tf.convert_to_tensor(gradient) for gradient in gradients]

    added, (first, second) = run()
    one, other, weight = tables[0].numpy(), tables[1].numpy(), scale.numpy()
    np.testing.assert_allclose(added[1], one[2] + other[1], rtol=1e-6)
    np.testing.assert_allclose(added[3], one[0] + other[0], rtol=1e-6)
    np.testing.assert_allclose(first[0], weight[0] + weight[3], rtol=1e-5)
    np.testing.assert_allclose(first[2], weight[1] + weight[2] + weight[4], rtol=1e-5)
    np.testing.assert_array_equal(first.numpy()[[1, 3]], 0)
    np.testing.assert_allclose(second[1], weight[0] + weight[1] + weight[4], rtol=1e-5)


@pytest.mark.parametrize("jit", [False, True])
def test_add_rows_weighs_the_rows_of_lists(jit):
    table = tf.Variable([[9.0, 9.0], [1.0, 10.0], [2.0, 20.0]])
    indices = tf.constant([[1, 2], [2, 0], [1, 1]])
    weights = tf.constant([[0.5, 0.5], [1.0, 0.0], [1.0, 3.0]])

    @tf.function(jit_compile=jit)
    def run():
        with tf.GradientTape() as tape:
            added = add_rows([table], [indices], [weights])
            loss = tf.reduce_sum(added * [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
        return added, tf.convert_to_tensor(tape.gradient(loss, table))

    added, gradient = run()
    np.testing.assert_allclose(added, [[1.5, 15.0], [2.0, 20.0], [4.0, 40.0]])
    # Row 1: half of the first, all and three times the last; row 2: half of the first, the second.
    np.testing.assert_allclose(gradient, [[0, 0], [20.5, 25.0], [3.5, 5.0]])


def test_a_gradient_of_add_rows_is_sparse():
    table = tf.Variable(tf.ones([2, 3]))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(add_rows([table], [tf.zeros([5, 1], tf.int32)], [None]))
    assert isinstance(tape.gradient(loss, table), tf.IndexedSlices)
