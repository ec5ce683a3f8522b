"""SimHash against its definition, one bit at a time."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models.layers import SimHash
from models.layers.simhash import signs


@pytest.mark.parametrize("bits", [5, 32, 33])
def test_a_code_holds_the_sign_of_each_projection(bits):
    rng = np.random.default_rng(bits)
    layer = SimHash(6, bits, seed=3)
    x = rng.normal(size=(2, 7, 6)).astype(np.float32)
    projection, codes = layer.projection.numpy(), layer(tf.constant(x)).numpy()
    assert codes.shape == (2, 7, bits)
    for b, p, i in np.ndindex(*codes.shape):
        assert codes[b, p, i] == (1 if x[b, p] @ projection[:, i] >= 0 else -1)


def test_zero_counts_as_positive():
    assert signs(tf.constant([-1.0, 0.0, 2.0])).numpy().tolist() == [-1, 1, 1]


def test_projection_is_fixed_by_its_seed_and_never_trained():
    one, same, other = SimHash(4, 8, seed=1), SimHash(4, 8, seed=1), SimHash(4, 8, seed=2)
    np.testing.assert_array_equal(one.projection, same.projection)
    assert (one.projection.numpy() != other.projection.numpy()).any()
    assert not one.trainable_variables


def test_share_of_agreeing_bits_tells_the_angle():
    layer = SimHash(2, 20_000)
    for degrees in (30, 90, 150):
        angle = np.radians(degrees)
        x, y = np.float32([[1, 0]]), np.float32([[np.cos(angle), np.sin(angle)]])
        share = np.mean(layer(x).numpy() == layer(y).numpy())
        assert share == pytest.approx(1 - degrees / 180, abs=0.015)
