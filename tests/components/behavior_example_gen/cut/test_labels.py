"""Labels beside the primary one, against what is read row by row."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from components.behavior_example_gen.config.label_config import NamedLabel
from components.behavior_example_gen.cut.labels import follows, joint, known_until
from components.behavior_example_gen.cut.split import EVAL, TRAIN, VALIDATION

FEW = st.integers(0, 6)
ROWS = st.lists(st.tuples(FEW, FEW), max_size=12)


@given(ROWS, ROWS, st.integers(0, 4))
def test_follows_looks_at_every_later_row(targets, positives, window):
    def columns(rows):
        return np.array(rows, np.int64).reshape(-1, 2).T

    found = follows(*columns(targets), *columns(positives), window)
    expected = [
        any(p == pair and 0 <= t - time <= window for p, t in positives) for pair, time in targets
    ]
    assert found.tolist() == expected


CASES = ((1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 0), (0, math.nan, 0), (1, math.nan, math.nan))


@pytest.mark.parametrize(("parent", "own", "expected"), CASES)
def test_a_label_is_zero_without_the_one_it_is_given(parent, own, expected):
    rules = {"like": NamedLabel(column="x", given="click")}
    found = joint({"click": np.array([parent]), "like": np.array([own])}, rules)
    np.testing.assert_array_equal(found["like"], [expected])
    assert found["like"].dtype == np.float32


def test_labels_are_joint_along_the_chain_in_any_order():
    rules = {
        "buy": NamedLabel(column="x", given="cart"),
        "cart": NamedLabel(column="x", given="click"),
    }
    own = {
        "click": np.array([0.0, 1, 1, 1, math.nan]),
        "buy": np.array([1.0, 1, 1, math.nan, 1]),
        "cart": np.array([1.0, 0, 1, 1, 1]),
    }
    found = joint(own, rules)
    np.testing.assert_array_equal(found["cart"], [0, 0, 1, 1, math.nan])
    np.testing.assert_array_equal(found["buy"], [0, 0, 1, math.nan, math.nan])


def test_a_label_is_known_until_the_next_split_begins():
    # Two users; each has targets at 10 and 20 that train, at 30 that validate, at 40 to evaluate.
    user = np.repeat([0, 1], 4)
    time = np.tile([10, 20, 30, 40], 2) + np.repeat([0, 5], 4)
    place = np.tile([TRAIN, TRAIN, VALIDATION, EVAL], 2)
    assert known_until(user, time, place, 50, None).tolist() == [29, 29, 39, 50, 34, 34, 44, 50]
    by_time = known_until(user, time, place, 50, (28, 38))
    assert by_time.tolist() == [27, 27, 37, 50] * 2
    # Users who only train are cut by nothing but the log's end.
    alone = known_until(user, time, np.zeros(8, np.int8), 50, None)
    assert alone.tolist() == [50] * 8
    assert known_until(user[:0], time[:0], place[:0], 50, None).tolist() == []
