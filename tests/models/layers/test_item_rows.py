"""Rows in fewer bytes, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models.layers.item_rows import ItemRows, stored

ROWS = np.array([[0, 0, 0], [1.27, -0.01, 0.64], [1e-30, 0, -1e-30], [-5, 2, 1]], np.float32)


def test_int8_takes_the_largest_number_of_a_row_to_127():
    found = stored(ROWS, "int8")
    assert found["rows"].tolist() == [[0, 0, 0], [127, -1, 64], [127, 0, -127], [-127, 51, 25]]
    np.testing.assert_allclose(found["scales"][:, 0], [0, 0.01, 1e-30 / 127, 5 / 127], rtol=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.floats(1e-3, 1e3))
def test_what_is_lost_is_half_a_step_at_most(seed, size):
    rows = (np.random.default_rng(seed).normal(size=[9, 5]) * size).astype(np.float32)
    steps = {
        "float32": np.zeros([9, 1]),
        "bfloat16": np.abs(rows) * 2**-8,
        "int8": np.abs(rows).max(1, keepdims=True) / 127 / 2,
    }
    ids = tf.constant([[3, 8], [0, 3]])
    for store, step in steps.items():
        table = ItemRows(rows, store)
        assert (np.abs(table.all().numpy() - rows) <= step * (1 + 1e-5)).all()
        np.testing.assert_array_equal(table(ids).numpy(), table.all().numpy()[[[3, 8], [0, 3]]])
        assert table.count == 9


@pytest.mark.parametrize(("store", "bytes_"), [("float32", 12), ("bfloat16", 6), ("int8", 7)])
def test_bytes_of_a_row(store, bytes_):
    assert sum(v.dtype.size * v.shape[1] for v in ItemRows(ROWS, store).variables) == bytes_
