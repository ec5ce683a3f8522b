"""Position encodings by hand."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from models.layers import TargetPositionEncoding
from models.layers.position_encoding import position_basis


def test_basis_holds_logarithms_and_their_squares():
    basis = position_basis(tf.constant([0, 99]), tf.constant([0, 10**9], tf.int64)).numpy()
    u, v = math.log(100) / 10, math.log(1e9 + 1) / 20
    np.testing.assert_allclose(basis, [[0, 0, 0, 0], [u, u * u, v, v * v]], rtol=1e-6)


def test_encoding_is_linear_in_its_basis():
    layer = TargetPositionEncoding(2)
    assert not layer(tf.constant([3]), tf.constant([7])).numpy().any()  # starts from nothing
    layer.set_weights([np.array([[10, 0], [0, 0], [0, 20], [0, 0]], np.float32)])
    encoded = layer(tf.constant([[1, 3]]), tf.constant([[0, 7]])).numpy()
    np.testing.assert_allclose(encoded, [[[math.log(2), 0], [math.log(4), math.log(8)]]], rtol=1e-6)


def test_times_that_run_backwards_count_as_no_gap():
    assert not position_basis(tf.constant([-3]), tf.constant([-5])).numpy().any()
