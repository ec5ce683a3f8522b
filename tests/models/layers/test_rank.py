"""The k best of rows whose length a graph does not know, against a sort of each row."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models.layers.choose import NEVER
from models.layers.rank import BLOCK, rank


@functools.cache
def program(count: int, in_order: bool) -> tf.types.experimental.PolymorphicFunction:
    edge = tf.TensorSpec([None, 1], tf.int32)
    return tf.function(
        lambda scores, first, stop: rank(scores, first, stop, count, in_order),
        input_signature=[tf.TensorSpec([None, None], tf.float32), edge, edge],
    )


def literal(scores: np.ndarray, first: int, stop: int, count: int) -> list[int]:
    seen = [p for p in range(first, stop) if scores[p] > NEVER]
    return sorted(seen, key=lambda p: (-scores[p], p))[:count]


def check(scores: np.ndarray, first: np.ndarray, stop: np.ndarray, count: int) -> None:
    edges = [tf.constant(edge[:, None], tf.int32) for edge in (first, stop)]
    for in_order in (True, False):
        found = program(count, in_order)(tf.constant(scores), *edges)
        positions, valid = (x.numpy() for x in found)
        for row, places, real in zip(range(len(scores)), positions, valid, strict=True):
            expected = literal(scores[row], first[row], stop[row], count)
            kept = places[real].tolist()
            assert kept == expected if in_order else sorted(kept) == sorted(expected)
            assert not places[~real].any()


@settings(max_examples=150)
@given(
    seed=st.integers(0, 2**32 - 1),
    length=st.integers(1, 40 * BLOCK),
    count=st.sampled_from([1, 3, 20]),
    different=st.integers(1, 1000),
    hidden=st.floats(0, 1),
)
def test_it_is_a_stable_sort_of_what_the_window_shows(seed, length, count, different, hidden):
    rng = np.random.default_rng(seed)
    length = max(length, count)
    scores = rng.integers(0, different, [4, length]).astype(np.float32)
    scores[rng.random(scores.shape) < hidden] = NEVER
    first = rng.integers(0, length + 1, 4)
    stop = rng.integers(first, length + 1)
    check(scores, first, stop, count)


@pytest.mark.parametrize("extra", [0, 1])
def test_large_scores_that_are_hidden_at_both_edges_take_no_place_of_others(extra):
    first, stop = BLOCK - 1, 30 * BLOCK + 1
    scores = np.arange(31 * BLOCK + extra, dtype=np.float32)[::-1] % 97
    scores[: BLOCK - 1] = scores[stop:] = 1000
    check(scores[None].copy(), np.array([first]), np.array([stop]), 20)


def test_no_rows():
    check(np.zeros([0, 100], np.float32), np.zeros(0, int), np.zeros(0, int), 3)
