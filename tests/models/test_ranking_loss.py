"""The ranking loss against loops over pairs."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models.ranking_loss import ranking_loss


def by_loops(logits, labels, valid) -> float:
    total = 0.0
    for scores, clicks, real in zip(logits, labels, valid, strict=True):
        clicked = [s for s, c, r in zip(scores, clicks, real, strict=True) if r and c]
        skipped = [s for s, c, r in zip(scores, clicks, real, strict=True) if r and not c]
        losses = [np.log1p(np.exp(n - p)) for p in clicked for n in skipped]
        total += real.sum() * (np.mean(losses) if losses else 0)
    return total / valid.sum() if valid.any() else 0.0


def loss(logits, labels, valid) -> tf.Tensor:
    return ranking_loss(*(tf.constant(x, tf.float32) for x in (logits, labels, valid)))


@settings(deadline=None)
@given(st.data())
def test_loss_is_the_mean_over_a_users_pairs_weighted_by_targets(data):
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=6))
    logits = data.draw(hnp.arrays(np.float32, shape, elements=st.floats(-4, 4, width=32)))
    labels, valid = (data.draw(hnp.arrays(bool, shape)) for _ in range(2))
    np.testing.assert_allclose(
        loss(logits, labels, valid), by_loops(logits, labels, valid), rtol=1e-5, atol=1e-6
    )


def test_a_users_own_level_does_not_matter():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3, 5))
    labels, valid = rng.random((3, 5)) < 0.5, np.ones((3, 5))
    levels = np.array([[5.0], [-3.0], [0.0]])
    np.testing.assert_allclose(
        loss(logits, labels, valid), loss(logits + levels, labels, valid), rtol=1e-5
    )


def test_padding_gets_no_gradient_even_where_its_logit_is_huge():
    logits = tf.Variable([[1.0, 0.0, 3e4]])
    with tf.GradientTape() as tape:
        value = ranking_loss(logits, tf.constant([[1.0, 0.0, 0.0]]), tf.constant([[1.0, 1, 0]]))
    np.testing.assert_allclose(value, np.log1p(np.exp(-1)), rtol=1e-6)
    slope = -1 / (1 + np.e)
    np.testing.assert_allclose(tape.gradient(value, logits), [[slope, -slope, 0]], rtol=1e-5)
