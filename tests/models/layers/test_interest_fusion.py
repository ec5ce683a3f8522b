"""Fusion of interests against loops."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models.layers import InterestFusion

B, T, G, WIDTH, HEADS, UNITS = 2, 2, 3, 5, 2, 4


def test_fusion_is_multi_head_target_attention():
    rng = np.random.default_rng(0)
    target = rng.normal(size=(B, T, 3)).astype(np.float32)
    interests = rng.normal(size=(B, T, G, WIDTH)).astype(np.float32)
    layer = InterestFusion(HEADS, G, WIDTH, UNITS)
    actual = layer(tf.constant(target), tf.constant(interests))
    query, output = (dense.kernel.numpy() for dense in (layer.query, layer.output_layer))
    key, value = layer.key_kernel.numpy(), layer.value_kernel.numpy()
    size = UNITS // HEADS
    for b, t in np.ndindex(B, T):
        heads = []
        for h in range(HEADS):
            part = slice(h * size, (h + 1) * size)
            scores = [
                (target[b, t] @ query)[part] @ (interests[b, t, g] @ key[g])[part] / np.sqrt(size)
                for g in range(G)
            ]
            weights = np.exp(scores) / np.exp(scores).sum()
            values = [(interests[b, t, g] @ value[g])[part] for g in range(G)]
            heads.append(sum(w * v for w, v in zip(weights, values, strict=True)))
        np.testing.assert_allclose(
            actual[b, t], np.concatenate(heads) @ output, rtol=1e-4, atol=1e-5
        )


def test_heads_must_divide_units():
    with pytest.raises(ValueError, match=r"`num_heads` must divide `units`, 4. Received: 3"):
        InterestFusion(3, G, WIDTH, 4)
