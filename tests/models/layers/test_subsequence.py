"""Subsequences in factors: what they are multiplied by, in any order, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models.layers import subsequence
from models.layers.subsequence import Subsequence

B, T, K, L, D, F = 2, 3, 4, 5, 6, 2


def draw(gathered, targets=T):
    """Subsequences, their behaviours [B, T, K, D] and a kernel [D, 3]."""
    rng = np.random.default_rng(0)
    shape = (B, targets, K)
    valid = rng.random(shape) < 0.7
    phi = (rng.normal(size=(*shape, F)) * valid[..., None]).astype(np.float32)
    weights, kernel = (rng.normal(size=s).astype(np.float32) for s in ((F, D), (D, 3)))
    rows = np.pad(rng.normal(size=(B, L, D)), [(0, 0), (0, 1), (0, 0)]).astype(np.float32)
    positions = np.where(valid, rng.integers(0, L, shape), L).astype(np.int32)
    chosen = np.stack([rows[b][positions[b]] for b in range(B)])
    behaviors = Subsequence(
        *map(tf.constant, (chosen if gathered else rows, positions, phi, weights, valid))
    )
    if gathered:
        behaviors = behaviors._replace(positions=None)
    return behaviors, chosen + phi @ weights, kernel


@pytest.mark.parametrize("gathered", [False, True])
def test_those_of_each_query(gathered):
    behaviors, chosen, kernel = draw(gathered, targets=2 * T)
    for query, found in enumerate(behaviors.of_each_query(2)):
        expected = chosen[:, [query, query + 2, query + 4]] @ kernel
        np.testing.assert_allclose(found.times(kernel), expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(found.valid, behaviors.valid.numpy()[:, query::2])


def even_first_of_any_size(behaviors):
    """As a signature does it, whose graph knows neither how many users nor how many targets."""
    given = {name: x for name, x in behaviors._asdict().items() if x is not None}
    specs = {
        name: tf.TensorSpec([None, None, *x.shape[2:]] if x.shape.rank > 2 else x.shape, x.dtype)
        for name, x in given.items()
    }
    run = tf.function(
        lambda tensors: behaviors._replace(**tensors).even_first(), input_signature=[specs]
    )
    return run(given)


@pytest.mark.parametrize("gathered", [False, True])
@pytest.mark.parametrize(
    ("turn", "order"),
    [
        (lambda x: x, [0, 1, 2, 3]),
        (Subsequence.swapped, [2, 3, 0, 1]),
        (Subsequence.even_first, [0, 2, 1, 3]),
        (tf.function(Subsequence.even_first), [0, 2, 1, 3]),
        (even_first_of_any_size, [0, 2, 1, 3]),
    ],
)
def test_products_in_another_order(gathered, turn, order):
    behaviors, chosen, kernel = draw(gathered)
    turned = turn(behaviors)
    expected = chosen @ kernel
    np.testing.assert_allclose(
        turned.times(tf.constant(kernel), 1.0), expected[:, :, order] + 1, rtol=1e-4, atol=1e-5
    )
    np.testing.assert_array_equal(turned.valid, behaviors.valid.numpy()[:, :, order])


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 4), st.integers(1, 14))
def test_a_graph_multiplies_those_that_are_read_alone(seed, users, targets, length):
    """Values and gradients are numpy's, and no more rows are kept than differ, rounded up."""
    rng = np.random.default_rng(seed)
    shape = (users, targets, K)
    valid = rng.random(shape) < 0.7
    positions = np.where(valid, rng.integers(0, length, shape), length).astype(np.int32)
    rows = np.pad(rng.normal(size=(users, length, D)), [(0, 0), (0, 1), (0, 0)])
    phi = rng.normal(size=(*shape, F)) * valid[..., None]
    weights, kernel, scale = (rng.normal(size=s) for s in ((F, D), (D, 3), (*shape, 3)))
    given_rows = tf.constant(rows, tf.float32)
    behaviors = Subsequence(
        given_rows,
        tf.constant(positions),
        *(tf.constant(x, tf.float32) for x in (phi, weights)),
        tf.constant(valid),
    )

    @tf.function(autograph=False)
    def run():
        with tf.GradientTape() as tape:
            tape.watch(given_rows)
            read = behaviors.of_those_read()
            products = read.times(tf.constant(kernel, tf.float32))
            loss = tf.reduce_sum(products * scale.astype(np.float32))
        return products, tape.gradient(loss, given_rows), tf.shape(read.rows)[1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subsequence, "SHORT", 0)
        products, gradient, kept = run()
    chosen = np.stack([rows[b][positions[b]] for b in range(users)])
    np.testing.assert_allclose(products, (chosen + phi @ weights) @ kernel, rtol=1e-4, atol=1e-4)
    expected = np.zeros(rows.shape)
    for b, t, k in np.ndindex(*shape):
        expected[b, positions[b, t, k]] += scale[b, t, k] @ kernel.T
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-4)
    step = -(-(length + 1) // subsequence.SIZES)
    most = max(len(set(of_user.ravel().tolist())) for of_user in positions)
    assert kept.numpy() == -(-most // step) * step


def test_few_behaviors_and_eager_mode_keep_all_rows():
    behaviors, _, _ = draw(gathered=False)
    assert behaviors.of_those_read() is behaviors
    assert tf.function(lambda: tf.constant(behaviors.of_those_read() is behaviors))()
