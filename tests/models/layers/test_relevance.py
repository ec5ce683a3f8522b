"""Relevance against TWIN's equation 5, in loops, keys projected."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models.layers import TargetRelevance
from models.layers.relevance import relevance

B, T, L, HEADS, WIDTH, CROSS, FEATURES = 2, 3, 4, 2, 6, 2, 2


def draw(seed=0):
    rng = np.random.default_rng(seed)
    target = rng.normal(size=(B, T, WIDTH)).astype(np.float32)
    rows = rng.normal(size=(B, L, WIDTH + FEATURES * CROSS)).astype(np.float32)
    return target, rows


def by_loops(layer: TargetRelevance, target, rows):
    """`alpha = (K_h W_h)(q W_q)^T / sqrt(d) + (K_c W_c) beta`, one pair at a time."""
    head_dim = layer.head_dim
    alpha = np.zeros((B, T, HEADS, L))
    for b, t, h, p in np.ndindex(*alpha.shape):
        inherent, cross = rows[b, p, :WIDTH], rows[b, p, WIDTH:]
        if layer.projection:
            query = layer.query_kernel.numpy()[h] @ target[b, t]
            key = layer.key_kernel.numpy()[h] @ inherent
        else:
            part = slice(h * head_dim, (h + 1) * head_dim)
            query, key = 16 * target[b, t, part], 16 * inherent[part]
        alpha[b, t, h, p] = query @ key / np.sqrt(head_dim)
        for j in range(FEATURES):
            scalar = cross[j * CROSS : (j + 1) * CROSS] @ layer.bias.compress.numpy()[h, j]
            alpha[b, t, h, p] += scalar * layer.bias.beta.numpy()[h, j, 0]
    return alpha


@pytest.mark.parametrize("projection", [True, False])
def test_relevance_is_the_papers(projection):
    target, rows = draw()
    layer = TargetRelevance(HEADS, FEATURES, CROSS, projection)
    layer(tf.constant(target))
    layer.bias.beta.assign(tf.random.stateless_normal(layer.bias.beta.shape, [1, 2]))
    queries = layer(tf.constant(target))
    expected = by_loops(layer, target, rows)
    np.testing.assert_allclose(
        relevance(queries, tf.constant(rows)), expected, rtol=1e-4, atol=1e-5
    )


def test_without_a_learned_projection_relevance_is_as_hot_as_with_it_at_the_start():
    target, _ = draw()
    learned, fixed = (TargetRelevance(HEADS, 0, CROSS, projection=p) for p in (True, False))
    np.testing.assert_allclose(learned(tf.constant(target)), fixed(tf.constant(target)), rtol=1e-5)
    assert not fixed.trainable_variables


def test_relevance_of_gathered_behaviors_is_the_same():
    target, rows = draw(1)
    queries = TargetRelevance(HEADS, FEATURES, CROSS)(tf.constant(target))
    gathered = np.broadcast_to(rows[:, None], (B, T, *rows.shape[1:]))
    np.testing.assert_allclose(
        relevance(queries, tf.constant(rows)),
        relevance(queries, tf.constant(gathered)),
        rtol=1e-5,
        atol=1e-6,
    )


def test_relevance_works_without_cross_features_in_the_log():
    target, _ = draw()
    assert TargetRelevance(HEADS, 0, CROSS)(tf.constant(target)).shape == (B, T, HEADS, WIDTH)


def test_slices_need_heads_that_divide_the_width():
    with pytest.raises(ValueError, match=r"`num_heads` must divide .* 6, .* Received: 4"):
        TargetRelevance(4, 0, 1, projection=False)(tf.zeros([1, 1, WIDTH]))
