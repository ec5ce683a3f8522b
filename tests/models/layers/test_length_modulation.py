"""The modulation by length, by hand and by a literal numpy form."""

from __future__ import annotations

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from models.layers import LengthModulation, TargetAttention, TargetRelevance


def test_temperature_starts_as_published():
    """1 + sigmoid((100 - n) / 50) / 2: sigmoid(2) = .880797, sigmoid(1) = .731059."""
    _, found = LengthModulation(3)(tf.constant([0, 50, 100, 1_000_000]))
    np.testing.assert_allclose(found[:, 0], [1.440399, 1.365529, 1.25, 1.0], rtol=1e-5)


@pytest.fixture(scope="module")
def modulation() -> LengthModulation:
    layer = LengthModulation(5)
    tf.keras.utils.set_random_seed(1)
    for weights in layer.encode.weights:
        weights.assign(weights + tf.random.normal(weights.shape))
    return layer


@hypothesis.settings(deadline=None, max_examples=30)
@hypothesis.given(st.lists(st.integers(0, 10**6), min_size=2, max_size=5))
def test_vector_equals_the_literal_form_and_longer_histories_blur_less(modulation, lengths):
    added, temperature = modulation(tf.constant(lengths))
    dense_in, bias_in, scale, offset, dense, bias, last, last_bias = (
        weights.numpy().astype(np.float64) for weights in modulation.encode.weights
    )
    for row, length in zip(added.numpy(), lengths, strict=True):
        angles = np.log(1.0 + length) * modulation.frequencies.numpy().astype(np.float64)
        x = np.concatenate([np.sin(angles), np.cos(angles)]) @ dense_in + bias_in
        x = (x - x.mean()) / np.sqrt(x.var() + 1e-3) * scale + offset
        x = np.maximum(x @ dense + bias, 0) @ last + last_bias
        np.testing.assert_allclose(row, x, rtol=1e-3, atol=1e-3)
    order = np.argsort(lengths)
    assert (np.diff(temperature[:, 0].numpy()[order]) <= 0).all()
    assert (temperature.numpy() >= 1).all()


def test_a_fresh_modulation_without_gain_changes_no_bit():
    target = tf.constant(np.random.default_rng(0).normal(size=(2, 3, 6)), tf.float32)
    size = tf.constant([[0, 5, 50], [1, 9, 5000]])
    plain, modulated = (TargetRelevance(2, 1, 2, length_modulation=x) for x in (False, True))
    found = modulated(target, size)
    assert not np.allclose(found, plain(target, size))
    plain.bias.set_weights(modulated.bias.get_weights())
    modulated.modulation.gain.assign(-np.inf)
    np.testing.assert_array_equal(modulated(target, size), plain(target, size))


def test_an_attention_twice_as_warm():
    """Relevances 2 ln 3 and 0 at temperature 2: the softmax weighs 3 to 1."""
    relevance = TargetRelevance(1, 0, 1, projection=False, length_modulation=True)
    target = tf.constant([[[1.0, 0.0]]])
    relevance(target, tf.constant([[0]]))
    relevance.modulation.gain.assign(0.0)  # exp(0) = 1
    relevance.modulation.slope.assign(-20.0)  # so steep that a length of 0 has all of it
    queries = relevance(target, tf.constant([[0]]))
    # A relevance of q . k * 256 / sqrt(2), halved.
    rows = tf.constant([[[2 * np.log(3) * np.sqrt(2) / 256, 0.0], [0.0, 4.0]]], tf.float32)
    attention = TargetAttention(1, 2, 2, 2)
    attention.value_kernel.assign(tf.eye(2)[None])
    attention(queries, rows, tf.ones([1, 1, 2], tf.bool))
    attention.output_layer.kernel.assign(tf.eye(2))
    found = attention(queries, rows, tf.ones([1, 1, 2], tf.bool))
    np.testing.assert_allclose(found[0, 0, 1], 4.0 / 4, rtol=1e-5)


def test_each_target_is_modulated_by_the_length_that_it_sees():
    layer = TargetRelevance(2, 0, 1, length_modulation=True)
    target = tf.ones([1, 3, 4])
    layer(target, tf.constant([[1, 1, 1]]))
    layer.modulation.encode.layers[-1].kernel.assign(tf.ones([4, 4]))
    together = layer(target, tf.constant([[3, 700, 3]])).numpy()
    np.testing.assert_allclose(together[0, 0], together[0, 2])
    assert np.abs(together[0, 0] - together[0, 1]).max() > 0.1
    alone = layer(target[:, :1], tf.constant([[700]])).numpy()
    np.testing.assert_allclose(alone[0, 0], together[0, 1], rtol=1e-5, atol=1e-6)
