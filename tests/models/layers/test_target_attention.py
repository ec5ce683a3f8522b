"""Exact target attention against loops, finite differences and its own invariances."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models.layers import Selection, TargetAttention
from tests.models.numeric import numeric_gradient

B, T, L, HEADS, WIDTH, HEAD_DIM, UNITS = 2, 3, 5, 2, 4, 3, 6


def draw(seed=0):
    rng = np.random.default_rng(seed)
    queries = rng.normal(size=(B, T, HEADS, WIDTH)).astype(np.float32)
    rows = rng.normal(size=(B, L, WIDTH)).astype(np.float32)
    mask = rng.random((B, T, L)) < 0.6
    mask[0, 0] = False
    return queries, rows, mask


def attention():
    layer = TargetAttention(HEADS, WIDTH, HEAD_DIM, UNITS)
    layer(*map(tf.constant, draw()))
    layer.output_layer.bias.assign(tf.range(UNITS, dtype=tf.float32))
    return layer


def by_loops(layer, queries, rows, mask, bias=None):
    """`Concat_h(Softmax(alpha_h) K W_v) W_o`, values projected one by one, only what is allowed."""
    out = np.zeros((B, T, UNITS))
    for b, t in np.ndindex(B, T):
        heads = []
        for h in range(HEADS):
            seen = np.flatnonzero(mask[b, t])
            value = np.zeros(HEAD_DIM)
            if seen.size:
                alpha = np.array([queries[b, t, h] @ rows[b, p] for p in seen])
                if bias is not None:
                    alpha += bias[b, t, h, seen]
                weights = np.exp(alpha) / np.exp(alpha).sum()
                for weight, p in zip(weights, seen, strict=True):
                    value += weight * (rows[b, p] @ layer.value_kernel.numpy()[h])
            heads.append(value)
        kernel, offset = (w.numpy() for w in layer.output_layer.weights)
        out[b, t] = np.concatenate(heads) @ kernel + offset
    return out


@pytest.mark.parametrize("biased", [False, True])
def test_attention_is_the_papers(biased):
    queries, rows, mask = draw(1)
    bias = np.random.default_rng(2).normal(size=(B, T, HEADS, L)).astype(np.float32)
    bias = bias if biased else None
    layer = attention()
    actual = layer(
        tf.constant(queries), tf.constant(rows), tf.constant(mask), bias=bias if biased else None
    )
    np.testing.assert_allclose(
        actual, by_loops(layer, queries, rows, mask, bias), rtol=1e-4, atol=1e-5
    )


def test_nothing_chosen_leaves_the_output_bias():
    queries, rows, mask = draw()
    layer = attention()
    out = layer(*map(tf.constant, (queries, rows, mask))).numpy()
    np.testing.assert_array_equal(out[0, 0], np.arange(UNITS))


def test_gathered_rows_give_the_same_as_a_mask():
    queries, rows, _ = draw()
    positions = np.array([[[4, 1, 0]] * T] * B)
    valid = np.array([[[True, True, False]] * T] * B)
    layer = attention()
    gathered = np.stack([rows[b][positions[b]] for b in range(B)])
    mask = Selection(tf.constant(positions, tf.int32), tf.constant(valid)).mask(L)
    np.testing.assert_allclose(
        layer(*map(tf.constant, (queries, gathered, valid))),
        layer(tf.constant(queries), tf.constant(rows), mask),
        rtol=1e-5,
        atol=1e-6,
    )


def test_what_the_mask_hides_changes_nothing():
    queries, rows, mask = draw()
    mask[..., 2] = False
    layer = attention()
    before = layer(*map(tf.constant, (queries, rows, mask))).numpy()
    rows[:, 2] = 1e6
    np.testing.assert_array_equal(before, layer(*map(tf.constant, (queries, rows, mask))))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_hides_as_well(dtype):
    """Relevance far below zero must not push what is hidden out of the numbers there are."""
    queries, rows, mask = draw(2)
    queries *= 40
    layer = TargetAttention(HEADS, WIDTH, HEAD_DIM, UNITS, dtype=f"mixed_{dtype}")
    inputs = [tf.cast(x, dtype) for x in (queries, rows)]
    actual = layer(*inputs, tf.constant(mask))
    assert not mask[0, 0].any()
    np.testing.assert_array_equal(actual[0, 0], np.zeros(UNITS))
    expected = by_loops(layer, *(x.numpy().astype(np.float64) for x in inputs), mask)
    np.testing.assert_allclose(tf.cast(actual, tf.float32), expected, atol=0.15)


def test_separate_keys_rank_and_rows_are_read():
    queries, rows, mask = draw()
    layer = attention()
    same = layer(*map(tf.constant, (queries, rows, mask)), keys=tf.constant(rows))
    np.testing.assert_array_equal(same, layer(*map(tf.constant, (queries, rows, mask))))
    flat = layer(*map(tf.constant, (queries, rows, mask)), keys=tf.zeros_like(rows))
    mean = by_loops(layer, queries * 0, rows, mask)
    np.testing.assert_allclose(flat, mean, rtol=1e-4, atol=1e-5)


def test_gradients_are_the_finite_differences():
    queries, rows, mask = draw(3)
    layer = attention()
    scale = np.random.default_rng(4).normal(size=(B, T, UNITS))

    def loss(queries, rows):
        return tf.reduce_sum(layer(queries, rows, tf.constant(mask)) * tf.cast(scale, tf.float32))

    inputs = [tf.constant(queries), tf.constant(rows)]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = loss(*inputs)
    gradients = tape.gradient(value, inputs)
    for i, gradient in enumerate(gradients):

        def f(x, i=i):
            arguments = [queries, rows]
            arguments[i] = x
            return (by_loops(layer, *arguments, mask) * scale).sum()

        expected = numeric_gradient(f, [queries, rows][i])
        np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-4)
