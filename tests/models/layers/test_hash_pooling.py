"""SDIM's pooling against loops over signatures."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models.layers import HashCollisionPooling
from models.layers.hash_pooling import BLOCK, SHORT, SMALL_BLOCK

BITS, TAU = 6, 2


def batch(length, first, seed=0):
    """Codes of targets and behaviours, behaviours, and what is visible, of two users."""
    rng = np.random.default_rng(seed)
    queries = rng.choice([-1.0, 1.0], (2, len(first), BITS)).astype(np.float32)
    keys = rng.choice([-1.0, 1.0], (2, length, BITS)).astype(np.float32)
    rows = rng.normal(size=(2, length, 4)).astype(np.float32)
    return queries, keys, rows, np.array([first, first[::-1]], np.int32)


def by_loops(queries, keys, rows, first):
    out = np.zeros((*queries.shape[:2], rows.shape[-1]))
    for b, t in np.ndindex(*queries.shape[:2]):
        for group in range(0, BITS, TAU):
            part = slice(group, group + TAU)
            total = np.zeros(rows.shape[-1])
            for p in range(first[b, t], rows.shape[1]):
                if (queries[b, t, part] == keys[b, p, part]).all():
                    total += rows[b, p]
            norm = np.linalg.norm(total)
            out[b, t] += (total / norm if norm > 0 else 0) / (BITS // TAU)
    return out


CASES = {
    "shorter than a block": (7, [0, 2, 7, 3]),
    "a block": (SMALL_BLOCK, [0, 1, SMALL_BLOCK - 1, SMALL_BLOCK]),
    "blocks and a rest": (
        3 * SMALL_BLOCK + 9,
        [0, SMALL_BLOCK - 1, SMALL_BLOCK, SMALL_BLOCK + 1, 3 * SMALL_BLOCK + 2],
    ),
    "long": (SHORT + BLOCK + 5, [0, BLOCK, BLOCK + 1, SHORT + 1, SHORT + BLOCK + 1]),
    "one target": (SHORT + 3, [5]),
}


@pytest.mark.parametrize("graph", ["of known shapes", "of any shapes", "compiled"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_pooling_averages_normalised_sums_of_what_collides(case, graph):
    inputs = batch(*case)
    layer = HashCollisionPooling(TAU)
    unknown = [tf.TensorSpec([None, None, *x.shape[2:]], x.dtype) for x in inputs]
    run = {
        "of known shapes": tf.function(layer),
        "of any shapes": tf.function(layer, input_signature=unknown),
        "compiled": tf.function(layer, jit_compile=True),
    }[graph]
    pooled = run(*map(tf.constant, inputs))
    np.testing.assert_allclose(pooled, by_loops(*inputs), rtol=1e-4, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 200), st.data())
def test_any_length_and_any_beginning(length, data):
    first = data.draw(st.lists(st.integers(0, length), min_size=2, max_size=4))
    inputs = batch(length, first, seed=length)
    pooled = HashCollisionPooling(TAU)(*map(tf.constant, inputs))
    np.testing.assert_allclose(pooled, by_loops(*inputs), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("targets", [1, 2])
def test_where_nothing_collides_there_is_nothing(targets):
    queries, keys, rows, first = batch(SHORT + BLOCK, [0, SHORT + BLOCK][:targets])
    keys[0] = -queries[0, 0]
    pooled = HashCollisionPooling(TAU)(queries, keys, rows, first).numpy()
    assert not pooled[0].any()
    assert pooled[1, -1].any()  # of the other user, who sees all


@pytest.mark.parametrize("first", [[0, 3, SMALL_BLOCK, 99], [3]])
def test_gradients_are_those_of_the_formula(first):
    length = 2 * SMALL_BLOCK + 5
    queries, keys, rows, first = batch(length, first, seed=1)
    upstream = np.random.default_rng(2).normal(size=(*first.shape, 4)).astype(np.float32)

    def formula(rows):
        found = 0.0
        for group in range(0, BITS, TAU):
            part = slice(group, group + TAU)
            same = (queries[:, :, None, part] == keys[:, None, :, part]).all(-1)
            seen = same & (np.arange(length) >= first[..., None])
            found += tf.math.l2_normalize(tf.matmul(seen.astype(np.float32), rows), -1)
        return found / (BITS // TAU)

    gradients = []
    for pool in (formula, lambda rows: HashCollisionPooling(TAU)(queries, keys, rows, first)):
        variable = tf.Variable(rows)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(pool(variable) * upstream)
        gradients.append(tf.convert_to_tensor(tape.gradient(loss, variable)))
    np.testing.assert_allclose(gradients[1], gradients[0], rtol=1e-4, atol=1e-5)
