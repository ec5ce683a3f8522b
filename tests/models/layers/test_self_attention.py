"""Self-attention against loops over heads and behaviours."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models.layers import SelfAttention
from models.layers.subsequence import Subsequence
from tests.models.numeric import numeric_gradient

B, T, BASIS = 2, 3, 2


def attention(num_heads, width, **options):
    layer = SelfAttention(num_heads, width, **options)
    rng = np.random.default_rng(5)
    layer.set_weights([rng.normal(size=w.shape).astype(np.float32) for w in layer.weights])
    return layer


def draw(steps, width, seed=0):
    """Factors of [B, T, K] behaviours, of which some are valid: all, none, one, first or last."""
    rng = np.random.default_rng(seed)
    valid = rng.random((B, T, steps)) < 0.6
    valid[0, 0], valid[0, 1], valid[1, 0] = True, False, np.arange(steps) == steps - 1
    present = valid[..., None]
    rows = rng.normal(size=(B, T, steps, width)) * present
    phi = rng.normal(size=(B, T, steps, BASIS)) * present
    weights = rng.normal(size=(BASIS, width))
    return *(x.astype(np.float32) for x in (rows, phi, weights)), valid


def gathered(rows, phi, weights, valid):
    return Subsequence(tf.constant(rows), None, *map(tf.constant, (phi, weights, valid)))


def of_users(rows, phi, weights, valid):
    """The same, to be gathered from [B, L, D] rows in a random order, the last of zeros."""
    steps, width = rows.shape[2:]
    order = np.random.default_rng(1).permutation(T * steps)
    table = np.zeros((B, T * steps + 1, width), rows.dtype)
    table[:, order] = rows.reshape(B, -1, width)
    positions = np.where(valid, order.reshape(T, steps), T * steps).astype(np.int32)
    return Subsequence(*map(tf.constant, (table, positions, phi, weights, valid)))


def by_numpy(layer, x, valid):
    """The mean of `LayerNorm(x + SelfAttention(x))`, one head of one behaviour at a time."""
    query, key, value, output, scale, offset = (w.numpy().astype(float) for w in layer.weights)
    out = np.zeros((*x.shape[:2], x.shape[3]))
    for b, t in np.ndindex(*x.shape[:2]):
        found = x[b, t][valid[b, t]].astype(float)
        for row in found:
            y = row.copy()
            for h in range(layer.num_heads):
                scores = [(row @ query[h]) @ (other @ key[h]) for other in found]
                scores = np.exp(np.array(scores) / np.sqrt(query.shape[-1]))
                for score, other in zip(scores / scores.sum(), found, strict=True):
                    y += score * (other @ value[h] @ output[h])
            normal = (y - y.mean()) / np.sqrt(y.var() + layer.epsilon)
            out[b, t] += (normal * scale + offset) / len(found)
    return out


@pytest.mark.parametrize("source", [gathered, of_users])
@pytest.mark.parametrize(("num_heads", "width"), [(1, 4), (2, 6), (3, 7)])
@pytest.mark.parametrize("steps", [1, 4, 5])
def test_mean_is_the_formulas(source, num_heads, width, steps):
    layer = attention(num_heads, width)
    rows, phi, weights, valid = draw(steps, width)
    expected = by_numpy(layer, rows + phi @ weights, valid)
    actual = layer(source(rows, phi, weights, valid))
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(actual[0, 1], np.zeros(width))


@pytest.mark.parametrize("jit", [False, True])
def test_graphs_give_the_same(jit):
    layer, factors = attention(2, 6), draw(5, 6)
    behaviors = of_users(*factors)
    compiled = tf.function(layer, jit_compile=jit)
    np.testing.assert_allclose(compiled(behaviors), layer(behaviors), rtol=1e-4, atol=1e-5)


def test_mixed_precision_is_near_and_finite():
    layer = attention(2, 6, dtype="mixed_bfloat16")
    rows, phi, weights, valid = draw(5, 6)
    expected = by_numpy(layer, rows + phi @ weights, valid)
    behaviors = of_users(rows, phi, weights, valid)
    with tf.GradientTape() as tape:
        actual = layer(behaviors)
        loss = tf.reduce_sum(tf.cast(actual, tf.float32))
    assert actual.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(actual, tf.float32), expected, atol=0.15)
    for gradient in tape.gradient(loss, layer.trainable_variables):
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("source", [gathered, of_users])
def test_gradients_are_the_finite_differences(source):
    layer = attention(2, 4)
    rows, phi, weights, valid = draw(3, 4, seed=4)
    upstream = np.random.default_rng(1).normal(size=(B, T, 4)).astype(np.float32)
    behaviors = source(rows, phi, weights, valid)
    encoding = tf.constant(weights)
    with tf.GradientTape() as tape:
        tape.watch([behaviors.rows, encoding])
        loss = tf.reduce_sum(layer(behaviors._replace(weights=encoding)) * upstream)
    to_rows, to_encoding, *to_layer = tape.gradient(
        loss, [behaviors.rows, encoding, *layer.trainable_variables]
    )
    if behaviors.positions is not None:
        to_rows = tf.gather(to_rows, behaviors.positions, batch_dims=1)
    to_rows = np.where(valid[..., None], to_rows, 0)

    def f(rows, weights):
        return (by_numpy(layer, rows + phi @ weights, valid) * upstream).sum()

    near = {"rtol": 1e-2, "atol": 2e-3}
    np.testing.assert_allclose(to_rows, numeric_gradient(lambda x: f(x, weights), rows), **near)
    np.testing.assert_allclose(to_encoding, numeric_gradient(lambda x: f(rows, x), weights), **near)
    for variable, gradient in zip(layer.trainable_variables, to_layer, strict=True):
        kept = variable.numpy()

        def f_variable(value, variable=variable):
            variable.assign(value)
            return f(rows, weights)

        np.testing.assert_allclose(gradient, numeric_gradient(f_variable, kept), **near)
        variable.assign(kept)


@pytest.mark.parametrize("source", [gathered, of_users])
def test_padding_changes_nothing(source):
    layer = attention(2, 6)
    *factors, weights, valid = draw(4, 6, seed=2)
    expected = layer(source(*factors, weights, valid))
    padded = [np.pad(x, [(0, 0), (0, 0), (2, 3), (0, 0)][: x.ndim]) for x in (*factors, valid)]
    actual = layer(source(*padded[:2], weights, padded[2]))
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


def test_order_changes_nothing():
    layer = attention(2, 6)
    rows, phi, weights, valid = draw(4, 6, seed=3)
    order = [2, 0, 3, 1]
    np.testing.assert_allclose(
        layer(gathered(rows[:, :, order], phi[:, :, order], weights, valid[:, :, order])),
        layer(gathered(rows, phi, weights, valid)),
        rtol=1e-4,
        atol=1e-5,
    )


def test_scores_beyond_the_exponentials_range_are_exact():
    layer = attention(2, 6)
    rows, phi, weights, valid = draw(4, 6, seed=3)
    expected = by_numpy(layer, rows * 6 + phi @ weights, valid)
    actual = layer(gathered(rows * 6, phi, weights, valid))
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-3)


def test_dropout_acts_on_weights_in_training_only():
    layer, behaviors = attention(2, 6, dropout=0.5), gathered(*draw(4, 6))
    np.testing.assert_array_equal(layer(behaviors), attention(2, 6)(behaviors))
    assert (layer(behaviors, training=True) != layer(behaviors)).numpy().any()
    # Attending to itself alone, a behaviour keeps twice its weight in a head, or nothing of it.
    rows, phi, weights, valid = draw(1, 6)
    x = (rows + phi @ weights)[0, 0, 0]
    value, output, scale, offset = (w.numpy() for w in layer.weights[2:])
    of_head = [x @ v @ o for v, o in zip(value, output, strict=True)]
    possible = [x + 2 * (a * of_head[0] + b * of_head[1]) for a in (0, 1) for b in (0, 1)]
    possible = [(y - y.mean()) / np.sqrt(y.var() + layer.epsilon) for y in possible]
    behaviors, seen = gathered(rows, phi, weights, valid), set()
    for _ in range(64):
        out = layer(behaviors, training=True).numpy()[0, 0]
        errors = [np.abs(out - y * scale - offset).max() for y in possible]
        assert min(errors) < 1e-3
        seen.add(int(np.argmin(errors)))
    assert seen == {0, 1, 2, 3}


def test_layer_survives_its_config():
    layer, behaviors = attention(2, 6, dropout=0.25, epsilon=0.1), of_users(*draw(4, 6))
    again = tf.keras.layers.deserialize(tf.keras.layers.serialize(layer))
    assert again.get_config() == layer.get_config()
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(behaviors), layer(behaviors))
