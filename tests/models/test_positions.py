"""Positions of the serving graph, against their definitions and against BehaviorExampleGen."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.behavior_example_gen.cut import category_match as beam_match
from components.behavior_example_gen.cut import session
from models import positions
from tests.models.transformed import literal_local_begin, literal_match

L, T = 12, 3
local_begin = tf.function(positions.local_begin, reduce_retracing=True)
target_match = tf.function(positions.target_match, reduce_retracing=True)


@st.composite
def users(draw):
    """Returns sorted times and categories of up to L behaviours, and T targets after them."""
    length = draw(st.integers(0, L))
    times = sorted(draw(st.lists(st.integers(0, 60), min_size=length + T, max_size=length + T)))
    kinds = draw(st.lists(st.integers(0, 3), min_size=length + T, max_size=length + T))
    ends = draw(st.lists(st.integers(0, length), min_size=T, max_size=T))
    return times[:length], times[length:], kinds[:length], kinds[length:], ends


def padded(rows, size=L):
    return tf.constant([list(row) + [0] * (size - len(row)) for row in rows], tf.int64)


@settings(max_examples=60)
@given(batch=st.lists(users(), min_size=1, max_size=4), gap=st.integers(1, 20))
def test_local_begin(batch, gap):
    times, targets, _, _, ends = zip(*batch, strict=True)
    for session_gap in (gap, None):
        result = local_begin(
            padded(times),
            padded(targets, T),
            tf.constant(ends),
            session_gap=session_gap,
            min_local=2,
        ).numpy()
        for user in range(len(batch)):
            visible = [times[user][:end] for end in ends[user]]
            expected = [
                literal_local_begin(seen, time, session_gap, 2)
                for seen, time in zip(visible, targets[user], strict=True)
            ]
            assert result[user].tolist() == expected

            history, end = np.array(times[user], np.int64), np.array(ends[user])
            begins = session.session_begin(np.zeros(len(history), int), history, gap)
            beam = session.local_begin(
                begins if session_gap else None,
                np.append(history, 0),  # Beam gathers among the behaviours of all users
                np.array(targets[user]),
                end,
                np.zeros(T, int),
                gap,
                2,
            )
            assert result[user].tolist() == beam.tolist()


@settings(max_examples=60)
@given(batch=st.lists(users(), min_size=1, max_size=4), match=st.integers(1, 4))
def test_target_match(batch, match):
    _, _, kinds, wanted, ends = zip(*batch, strict=True)
    # Real categories start at 1 here, for those of padding must not match either way.
    history, target = padded(kinds), padded(wanted, T)
    result = target_match(history, target, tf.constant(ends), match=match).numpy()
    text = target_match(
        tf.strings.as_string(history), tf.strings.as_string(target), tf.constant(ends), match=match
    )
    np.testing.assert_array_equal(result, text.numpy())
    for user in range(len(batch)):
        expected = [
            literal_match(kinds[user][:end], category, match)
            for end, category in zip(ends[user], wanted[user], strict=True)
        ]
        assert result[user].tolist() == expected

        codes = np.array(kinds[user], np.int64)
        index = beam_match.MatchIndex(np.zeros(len(codes), np.int64), codes)
        zeros = np.zeros(T, np.int64)
        beam = index.last(zeros, np.array(wanted[user]), np.array(ends[user]), zeros, match)
        assert result[user].tolist() == beam.tolist()


def test_nobody_has_a_history():
    no_times, ends = tf.zeros([2, 0], tf.int64), tf.zeros([2, 1], tf.int32)
    targets = tf.ones([2, 1], tf.int64)
    begins = positions.local_begin(no_times, targets, ends, session_gap=5, min_local=2)
    assert begins.numpy().tolist() == [[0], [0]]
    matches = positions.target_match(no_times, targets, ends, match=2)
    assert matches.numpy().tolist() == [[[-1, -1]], [[-1, -1]]]


TIMES = st.lists(st.integers(0, 9), max_size=8).map(sorted)


@given(
    TIMES, st.lists(st.integers(0, 10), min_size=1, max_size=4), st.integers(0, 3), st.booleans()
)
def test_a_target_sees_what_came_before_it(times, targets, padding, ties):
    found = positions.hist_end(
        tf.constant([times + [0] * padding], tf.int64),
        tf.constant([[len(times)]]),
        tf.constant([targets], tf.int64),
        ties=ties,
    )
    expected = [sum(t < target or (ties and t == target) for t in times) for target in targets]
    assert found.numpy().tolist() == [expected]
    if not padding:
        times_, targets_ = (tf.constant([x], tf.int64) for x in (times, targets))
        whole = positions.hist_end(times_, None, targets_, ties=ties)
        assert whole.numpy().tolist() == [expected]
