"""HSTU's block against loops that append each target to what it sees."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from models.layers.gated_attention import Encoded, Gaps, GatedAttention, gap_bucket

LENGTH, WIDTH, HEADS, HEAD_DIM = 6, 4, 2, 3


def silu(x):
    return x / (1 + np.exp(-x))


def layer_norm(x):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)


def literal_block(block, tokens, times, positions):
    """What a block makes of `tokens` [n, D], oldest first, at `times` and `positions`."""
    kernel = block.parts.kernel.numpy()
    steps, gaps = block.steps_bias.numpy(), block.time_bias.numpy()
    u, v, q, k = (
        part.reshape(len(tokens), HEADS, HEAD_DIM)
        for part in np.split(silu(layer_norm(tokens) @ kernel), 4, axis=1)
    )
    out = np.zeros_like(tokens)
    for i in range(len(tokens)):
        read = np.zeros((HEADS, HEAD_DIM))
        for j in range(i + 1):
            gap = max(1, abs(times[i] - times[j]))
            bias = steps[min(positions[i] - positions[j], block.max_steps)]
            bias += gaps[min(math.floor(math.log(gap) / 0.301), 127)]
            for h in range(HEADS):
                read[h] += silu(q[i, h] @ k[j, h] + bias) / (i + 1) * v[j, h]
        gated = u[i].reshape(-1) * layer_norm(read.reshape(-1))
        kernel_out, bias_out = (w.numpy() for w in block.output_layer.weights)
        out[i] = tokens[i] + gated @ kernel_out + bias_out
    return out


@pytest.fixture(scope="module")
def block():
    block = GatedAttention(HEADS, HEAD_DIM, max_steps=3)
    tf.random.set_seed(0)
    one, time = tf.ones([1, 1, WIDTH]), tf.zeros([1, 1], tf.int64)
    block(Encoded(one, one), Gaps.of(time, time + 1, tf.ones([1, 1], tf.int32)))
    block.steps_bias.assign([0.5, -0.25, 1.0, -2.0])
    block.time_bias.assign(np.random.default_rng(1).normal(size=128))
    return block


def test_a_target_reads_as_the_last_of_what_it_sees(block):
    rng = np.random.default_rng(0)
    lengths = [6, 4, 0]
    history = rng.normal(size=(3, LENGTH, WIDTH))
    targets = rng.normal(size=(3, 2, WIDTH))
    times = np.cumsum(rng.integers(0, 2000, (3, LENGTH)), 1)
    target_time = times[:, -1:] + rng.integers(1, 900, (3, 2))
    seen = np.array([[6, 2], [3, 0], [0, 0]])  # behaviours, of the oldest, that each target sees

    newest_first = np.zeros_like(history)
    newest_times = np.zeros_like(times)
    for b, n in enumerate(lengths):  # padding comes before the newest
        newest_first[b, LENGTH - n :] = history[b, :n][::-1]
        newest_times[b, LENGTH - n :] = times[b, :n][::-1]
    encoded = Encoded(tf.constant(newest_first, tf.float32), tf.constant(targets, tf.float32))
    gaps = Gaps.of(
        tf.constant(newest_times, tf.int64),
        tf.constant(target_time, tf.int64),
        tf.constant(LENGTH - seen, tf.int32),
    )
    found = block(encoded, gaps)

    for b, n in enumerate(lengths):
        expected = literal_block(block, history[b, :n], times[b, :n], range(n))
        if n:
            np.testing.assert_allclose(found.history[b, LENGTH - n :][::-1], expected, atol=1e-4)
        for t, m in enumerate(seen[b]):
            tokens = np.concatenate([history[b, :m], targets[b, t : t + 1]])
            moments = [*times[b, :m], target_time[b, t]]
            expected = literal_block(block, tokens, moments, range(m + 1))[-1]
            np.testing.assert_allclose(found.targets[b, t], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("gap", "bucket"),
    [(0, 0), (1, 0), (-1, 0), (2, 2), (60, 13), (86_400, 37), (31_536_000, 57), (10**18, 127)],
)
def test_gaps_have_logarithmic_buckets(gap, bucket):
    assert gap_bucket(tf.constant(gap, tf.int64)).numpy() == bucket


@given(st.integers(0, LENGTH - 1), st.integers(0, 2**16))
def test_a_behavior_reaches_nothing_before_it(block, changed, seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(1, LENGTH, WIDTH)).astype(np.float32)
    times = np.cumsum(rng.integers(0, 50, (1, LENGTH)), 1)[:, ::-1]
    first = tf.constant([[changed + 1]])  # sees what came before the changed one
    gaps = Gaps.of(tf.constant(times), tf.constant([[999]], tf.int64), first)
    target = tf.ones([1, 1, WIDTH])
    before = block(Encoded(tf.constant(rows), target), gaps)
    rows[0, changed] += 1
    after = block(Encoded(tf.constant(rows), target), gaps)
    np.testing.assert_array_equal(before.targets, after.targets)
    np.testing.assert_array_equal(before.history[0, changed + 1 :], after.history[0, changed + 1 :])
    assert np.abs(before.history[0, changed] - after.history[0, changed]).max() > 1e-3
