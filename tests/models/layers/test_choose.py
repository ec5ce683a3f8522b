"""The k best of a row against a full sort, ties and windows included."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models.layers.choose import LEAST, NEVER, block_size, choose


def literal(scores, first, stop, k):
    """A stable sort of what may be chosen, then the positions in order."""
    seen = [p for p in range(first, stop) if scores[p] > NEVER]
    return sorted(sorted(seen, key=lambda p: (-scores[p], p))[:k])


def check(scores, first, stop, k, integer_scores=False, call=choose):
    rows = (tf.constant(x, tf.int32)[:, None] for x in (first, stop))
    found = call(tf.constant(scores, tf.float32), *rows, k, integer_scores)
    positions, keys = (x.numpy() for x in found)
    for r, row in enumerate(np.asarray(scores, np.float32)):
        expected = literal(row, first[r], stop[r], k)
        assert positions[r].tolist() == expected + [0] * (k - len(expected))
        assert (keys[r] > LEAST).tolist() == [True] * len(expected) + [False] * (k - len(expected))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(0, 300), st.integers(0, 3))
def test_choose_is_the_head_of_a_stable_sort(seed, k, more, kind):
    rng = np.random.default_rng(seed)
    length = k + more
    scores = [
        rng.normal(size=(3, length)),
        rng.integers(-2, 2, (3, length)),  # many ties
        np.where(rng.random((3, length)) < 0.9, NEVER, 1.0),
        rng.choice([0.0, -0.0, -np.inf, np.inf, 3e38, -3e38], (3, length)),
    ][kind]
    first = rng.integers(0, length + 1, 3)
    stop = rng.integers(first, length + 1)
    first[0], stop[0] = 0, length
    check(scores, first, stop, k, integer_scores=kind in (1, 2))


@pytest.mark.parametrize("length", [50, 799, 800, 10_000, 40_007])
def test_compiled_as_well_and_for_long_rows(length):
    program = tf.function(choose, jit_compile=True)
    windows = [0, 5, length // 2, length], [length, length - 3, length // 2 + 20, length]
    for values in (3, 40, 2**23):
        scores = np.random.default_rng(length + values).integers(0, values, (4, length))
        check(scores, *windows, 50, integer_scores=False, call=program)
        check(scores, *windows, 50, integer_scores=True, call=program)


def test_blocks_and_what_they_hold_are_about_as_many():
    assert [block_size(length, 50) for length in (50, 200, 799, 3_200, 12_800, 51_200)] == [
        1, 2, 4, 8, 16, 32
    ]  # fmt: skip


def test_a_nan_ends_the_search_too():
    scores = tf.constant([[np.nan, 1.0, -np.nan, 0.0]])
    positions, _ = choose(scores, tf.constant([[0]]), tf.constant([[4]]), 2)
    assert positions.shape == [1, 2]
