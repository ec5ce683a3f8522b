"""The ranking loss against loops over pairs."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models.ranking_loss import ranking_loss


def by_loops(logits, labels, valid, requests) -> float:
    total = weight = 0.0
    for scores, clicks, real, shown in zip(logits, labels, valid, requests, strict=True):
        places = [t for t in range(len(scores)) if real[t]]
        pairs = [
            (c, s)
            for c in places
            for s in places
            if clicks[c] and not clicks[s] and shown[c] == shown[s]
        ]
        if pairs:
            losses = [np.log1p(np.exp(scores[s] - scores[c])) for c, s in pairs]
            paired = len({t for pair in pairs for t in pair})
            total += paired * np.mean(losses)
            weight += paired
    return total / weight if weight else 0.0


def loss(logits, labels, valid, requests) -> tf.Tensor:
    values = (tf.constant(x, tf.float32) for x in (logits, labels, valid))
    return ranking_loss(*values, tf.constant(requests, tf.int32))


@settings(deadline=None)
@given(st.data())
def test_loss_is_the_mean_over_pairs_of_one_request_weighted_by_paired_targets(data):
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=6))
    logits = data.draw(hnp.arrays(np.float32, shape, elements=st.floats(-4, 4, width=32)))
    labels, valid = (data.draw(hnp.arrays(bool, shape)) for _ in range(2))
    requests = data.draw(hnp.arrays(np.int32, shape, elements=st.integers(-1, 2)))
    np.testing.assert_allclose(
        loss(logits, labels, valid, requests),
        by_loops(logits, labels, valid, requests),
        rtol=1e-5,
        atol=1e-6,
    )


def test_targets_of_different_requests_are_no_pair():
    one_by_one = np.arange(5)[None]
    assert loss(np.ones((1, 5)), [[1, 0, 1, 0, 0]], np.ones((1, 5)), one_by_one) == 0


def test_a_users_own_level_does_not_matter():
    rng = np.random.default_rng(0)
    logits, requests = rng.normal(size=(3, 5)), np.zeros((3, 5))
    labels, valid = rng.random((3, 5)) < 0.5, np.ones((3, 5))
    levels = np.array([[5.0], [-3.0], [0.0]])
    np.testing.assert_allclose(
        loss(logits, labels, valid, requests),
        loss(logits + levels, labels, valid, requests),
        rtol=1e-5,
    )


def test_padding_gets_no_gradient_even_where_its_logit_is_huge():
    logits = tf.Variable([[1.0, 0.0, 3e4]])
    labels, valid = tf.constant([[1.0, 0.0, 0.0]]), tf.constant([[1.0, 1, 0]])
    with tf.GradientTape() as tape:
        value = ranking_loss(logits, labels, valid, tf.constant([[2, 2, -1]]))
    np.testing.assert_allclose(value, np.log1p(np.exp(-1)), rtol=1e-6)
    slope = -1 / (1 + np.e)
    np.testing.assert_allclose(tape.gradient(value, logits), [[slope, -slope, 0]], rtol=1e-5)
