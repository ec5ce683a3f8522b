"""Bitmaps against numpy."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models.layers.bitmap import bitmap, bits_below, nth_bit, ones, set_bits


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 100), st.floats(0, 1), st.integers(1, 9))
def test_words_tell_where_bits_are_set(seed, length, share, count):
    mask = np.random.default_rng(seed).random((3, length)) < share
    words = bitmap(tf.constant(mask))
    np.testing.assert_array_equal(tf.reduce_sum(ones(words), 1), mask.sum(1))
    found, exists = (x.numpy() for x in set_bits(words, count))
    for row in range(3):
        expected = np.flatnonzero(mask[row])[:count]
        assert exists[row].tolist() == [place < len(expected) for place in range(count)]
        assert found[row][exists[row]].tolist() == expected.tolist()
        assert not found[row][~exists[row]].any()


@settings(max_examples=60, deadline=None)
@given(st.integers(-(2**31), 2**31 - 1), st.integers(0, 32))
def test_nth_bit_and_the_bits_below_a_place(word, rank):
    bits = [place for place in range(32) if (word >> place) & 1]
    expected = bits[rank] if rank < len(bits) else 32
    assert nth_bit(tf.constant([word]), tf.constant([rank])).numpy()[0] == expected
    below = int(bits_below(tf.constant([rank])).numpy()[0]) & 0xFFFFFFFF
    assert below == 2**rank - 1
