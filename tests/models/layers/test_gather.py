"""Gathering rows: the values and the gradient of `tf.gather`."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models.layers.gather import gather_plus, gather_rows


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
