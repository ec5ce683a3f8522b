"""Batches for the model, slices for the metrics."""

from __future__ import annotations

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.slicer import slicer_lib

from components.errors import InputError
from components.evaluator import extractors


@hypothesis.given(st.lists(st.integers(0, 100), max_size=60), st.integers(1, 400))
def test_batches_hold_every_row_once_within_the_budget(sizes, budget):
    sizes = np.array(sizes, int)
    batches = list(extractors.similar_sizes(sizes, budget))
    assert sorted(np.concatenate([*batches, []])) == list(range(len(sizes)))
    for rows in batches:
        assert len(rows).bit_count() == 1
        assert len(rows) == 1 or len(rows) * sizes[rows].max() <= budget
    longest = [sizes[rows].max() for rows in batches]
    assert longest == sorted(longest, reverse=True)


def test_slices_are_those_of_tfma():
    rows = 12
    length, country = np.arange(rows) % 3, np.array([b"fr", b"de"] * 6, object)
    batch = {
        tfma.INPUT_KEY: np.zeros(rows),
        tfma.LABELS_KEY: np.arange(rows),
        tfma.PREDICTIONS_KEY: {"candidate": np.arange(rows)[:, None]},
        tfma.FEATURES_KEY: {"length": length, "country": country},
    }
    specs = [
        slicer_lib.SingleSliceSpec(),
        slicer_lib.SingleSliceSpec(columns=["length"]),
        slicer_lib.SingleSliceSpec(columns=["country", "length"]),
        slicer_lib.SingleSliceSpec(columns=["length"], features=[("country", "fr")]),
    ]
    truth: dict[tuple, list[int]] = {}
    for row in range(rows):
        example = {"length": length[[row]], "country": country[[row]]}
        for key in set(slicer_lib.get_slices_for_features_dicts([], example, specs)):
            truth.setdefault(key, []).append(row)
    found = {}
    for part in extractors._by_slice(batch, specs, ["country", "length"]):
        (key,) = part[tfma.SLICE_KEY_TYPES_KEY]
        found[key] = list(part[tfma.LABELS_KEY])
        assert list(part[tfma.PREDICTIONS_KEY]["candidate"][:, 0]) == found[key]
        assert list(part[tfma.FEATURES_KEY]["length"]) == list(length[found[key]])
    assert found == truth


@pytest.mark.parametrize(
    ("values", "message"),
    [([[1], [2, 3]], "3 values in 2 examples"), ([[1], None], "exactly one value")],
)
def test_a_feature_that_has_not_one_value_is_refused(values, message):
    batch = pa.RecordBatch.from_arrays([pa.array(values, pa.list_(pa.int64()))], ["x"])
    with pytest.raises(InputError, match=message):
        extractors._column(batch, "x")
    with pytest.raises(InputError, match=r"no feature 'y'. They have: \['x'\]"):
        extractors._column(batch, "y")
