"""SDIM's pooling against loops over signatures."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from models.layers import HashCollisionPooling


def test_pooling_averages_normalised_sums_of_what_collides():
    rng = np.random.default_rng(0)
    bits, tau, length = 6, 2, 7
    queries = rng.choice([-1.0, 1.0], (2, 3, bits)).astype(np.float32)
    keys = rng.choice([-1.0, 1.0], (2, length, bits)).astype(np.float32)
    rows = rng.normal(size=(2, length, 4)).astype(np.float32)
    visible = rng.random((2, 3, length)) < 0.7
    visible[1, 2] = False
    actual = HashCollisionPooling(tau)(*map(tf.constant, (queries, keys, rows, visible))).numpy()
    for b, t in np.ndindex(2, 3):
        expected = np.zeros(4)
        for group in range(0, bits, tau):
            part = slice(group, group + tau)
            total = np.zeros(4)
            for p in range(length):
                if visible[b, t, p] and (queries[b, t, part] == keys[b, p, part]).all():
                    total += rows[b, p]
            norm = np.linalg.norm(total)
            expected += total / norm if norm > 0 else 0
        np.testing.assert_allclose(actual[b, t], expected / (bits // tau), rtol=1e-4, atol=1e-6)
    assert not actual[1, 2].any()
