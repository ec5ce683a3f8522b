"""The bias of cross features against the paper's two steps, in loops."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from models.layers import CrossFeatureBias


def test_bias_compresses_each_feature_to_a_scalar_and_weighs_the_scalars():
    num_heads, features, width = 2, 3, 4
    rng = np.random.default_rng(0)
    cross = rng.normal(size=(5, features * width)).astype(np.float32)
    layer = CrossFeatureBias(num_heads, features)
    layer.build(cross.shape)
    compress = rng.normal(size=(num_heads, features, width)).astype(np.float32)
    beta = rng.normal(size=(num_heads, features, 1)).astype(np.float32)
    layer.set_weights([compress, beta])

    expected = np.zeros((5, num_heads))
    for row in range(5):
        for head in range(num_heads):
            for j in range(features):
                feature = cross[row, j * width : (j + 1) * width]
                scalar = sum(feature[i] * compress[head, j, i] for i in range(width))
                expected[row, head] += scalar * beta[head, j, 0]
    np.testing.assert_allclose(layer(tf.constant(cross)), expected, rtol=1e-5, atol=1e-6)


def test_bias_equals_its_absorbed_vector():
    layer = CrossFeatureBias(2, 1)
    layer.build([None, 3])
    layer.set_weights([np.arange(6).reshape(2, 1, 3), np.array([[[2]], [[-1]]])])
    assert layer.absorbed().numpy().tolist() == [[0, 2, 4], [-3, -4, -5]]
