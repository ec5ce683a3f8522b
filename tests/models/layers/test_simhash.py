"""SimHash against brute force over bits."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models.layers import SimHash
from models.layers.simhash import agreements, pack, packed_agreements, signs


def brute_force_agreements(layer, queries, keys):
    projection = layer.projection.numpy()
    out = np.zeros((queries.shape[0], queries.shape[1], keys.shape[1]))
    for b, t, p in np.ndindex(*out.shape):
        for i in range(layer.bits):
            same = (queries[b, t] @ projection[:, i] >= 0) == (keys[b, p] @ projection[:, i] >= 0)
            out[b, t, p] += same
    return out


@pytest.mark.parametrize("bits", [5, 32, 33])
def test_both_forms_count_the_bits_that_agree(bits):
    rng = np.random.default_rng(bits)
    layer = SimHash(6, bits, seed=3)
    queries = rng.normal(size=(2, 3, 6)).astype(np.float32)
    keys = rng.normal(size=(2, 7, 6)).astype(np.float32)
    keys[0, 0] = queries[0, 0]
    expected = brute_force_agreements(layer, queries, keys)
    assert expected[0, 0, 0] == bits
    codes = layer(queries), layer(keys)
    np.testing.assert_array_equal(agreements(*codes), expected)
    packed = tf.function(packed_agreements, jit_compile=True)(*map(pack, codes), bits)
    np.testing.assert_array_equal(packed, expected)
    np.testing.assert_array_equal(packed_agreements(*map(pack, codes), bits), expected)


def test_zero_counts_as_positive():
    assert signs(tf.constant([-1.0, 0.0, 2.0])).numpy().tolist() == [-1, 1, 1]


def test_packing_by_hand():
    codes = tf.constant([[1.0, -1.0, 1.0]])
    assert pack(codes).numpy().tolist() == [[0b101]]


def test_projection_is_fixed_by_its_seed_and_never_trained():
    one, same, other = SimHash(4, 8, seed=1), SimHash(4, 8, seed=1), SimHash(4, 8, seed=2)
    np.testing.assert_array_equal(one.projection, same.projection)
    assert (one.projection.numpy() != other.projection.numpy()).any()
    assert not one.trainable_variables


def test_share_of_agreeing_bits_tells_the_angle():
    layer = SimHash(2, 20_000)
    for degrees in (30, 90, 150):
        angle = np.radians(degrees)
        x = np.array([[[1, 0]]], np.float32)
        y = np.array([[[np.cos(angle), np.sin(angle)]]], np.float32)
        share = agreements(layer(x), layer(y)).numpy()[0, 0, 0] / layer.bits
        assert share == pytest.approx(1 - degrees / 180, abs=0.015)
