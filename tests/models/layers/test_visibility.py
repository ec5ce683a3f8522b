"""Windows and selections against loops over positions."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from models.layers import Selection, Window

LENGTH = 6


@given(
    st.lists(
        st.tuples(st.integers(-2, LENGTH + 2), st.integers(-2, LENGTH + 2)), min_size=1, max_size=5
    ),
    st.integers(1, LENGTH),
)
def test_window_holds_the_stretch_of_history_newest_first(bounds, count):
    begin, end = (tf.constant([list(edge)]) for edge in zip(*bounds, strict=True))
    window = Window.of(begin, end, LENGTH)
    mask = window.mask(LENGTH).numpy()[0]
    newest = window.newest(count).mask(LENGTH).numpy()[0]
    selection = window.select(count)
    for t, (b, e) in enumerate(bounds):
        seen = [p for p in range(LENGTH) if b <= p < e]
        flipped = [LENGTH - 1 - p for p in reversed(seen)]
        assert np.flatnonzero(mask[t]).tolist() == flipped
        assert window.size.numpy()[0, t] == len(seen)
        assert np.flatnonzero(newest[t]).tolist() == flipped[:count]
        valid = selection.valid.numpy()[0, t]
        assert selection.positions.numpy()[0, t][valid].tolist() == flipped[:count]
        assert not selection.positions.numpy()[0, t][~valid].any()


@pytest.mark.parametrize("compiled", [False, True])
def test_selection_as_mask_marks_what_is_valid(compiled):
    positions = tf.constant([[[4, 1, 0], [0, 0, 0]]])
    valid = tf.constant([[[True, True, False], [True, False, False]]])
    # A graph that knows the shapes has XLA compile it.
    run = tf.function(Selection.mask) if compiled else Selection.mask
    mask = run(Selection(positions, valid), 5)
    assert mask.numpy().astype(int).tolist() == [[[0, 1, 0, 0, 1], [1, 0, 0, 0, 0]]]


def test_selection_of_two_users_marks_each_users_own_row():
    selection = Selection(tf.constant([[[1]], [[0]]]), tf.constant([[[True]], [[True]]]))
    assert selection.mask(2).numpy().astype(int).tolist() == [[[0, 1]], [[1, 0]]]


def test_a_selection_in_order_of_time_with_invalid_last():
    selection = Selection(
        tf.constant([[[1, 0, 5, 3]]]), tf.constant([[[True, False, True, True]]])
    ).newest_first()
    assert selection.positions.numpy().tolist() == [[[1, 3, 5, 0]]]
    assert selection.valid.numpy().tolist() == [[[True, True, True, False]]]
    selection = selection.oldest_first()
    assert selection.positions.numpy().tolist() == [[[5, 3, 1, 0]]]
    assert selection.valid.numpy().tolist() == [[[True, True, True, False]]]
