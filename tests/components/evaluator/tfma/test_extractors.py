"""Rows of the predictions table to TFMA's extracts."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.slicer import slicer_lib

from components.evaluator.tfma import extractors
from components.evaluator.tfma.eval_config import eval_config


def test_slices_are_those_of_tfma():
    rows = 12
    columns = {"country": np.array(["fr", "de"] * 6, object), "length": np.arange(rows) % 3}
    specs = [
        slicer_lib.SingleSliceSpec(),
        slicer_lib.SingleSliceSpec(columns=["length"]),
        slicer_lib.SingleSliceSpec(columns=["country", "length"]),
        slicer_lib.SingleSliceSpec(columns=["length"], features=[("country", "fr")]),
    ]
    truth: dict[tuple, list[int]] = {}
    for row in range(rows):
        example = {name: values[[row]] for name, values in columns.items()}
        for key in set(slicer_lib.get_slices_for_features_dicts([], example, specs)):
            truth.setdefault(key, []).append(row)
    found = extractors.rows_by_slice(columns, specs, rows)
    assert {key: list(members) for key, members in found.items()} == truth


def test_an_extract_holds_the_rows_of_its_slice():
    batch = pa.RecordBatch.from_pydict(
        {
            "user": ["a", "b", "a"],
            "request": [1, 2, 3],
            "label": [0.0, 1.0, 1.0],
            "score": [0.1, 0.2, 0.3],
            "baseline_score": [0.4, 0.5, 0.6],
            "frozen_score": [0.7, 0.8, 0.9],
            "country": ["fr", "de", "fr"],
        }
    )
    found = {}
    for part in extractors.to_extracts(batch, eval_config(["country"], True, False)):
        (key,) = part[tfma.SLICE_KEY_TYPES_KEY]
        found[str(key)] = part
    assert len(found) == 3
    french = found[str((("country", "fr"),))]
    assert list(french[tfma.LABELS_KEY]) == [0.0, 1.0]
    assert list(french[tfma.PREDICTIONS_KEY]["candidate"]) == [0.1, 0.3]
    assert list(french[tfma.PREDICTIONS_KEY]["baseline"]) == [0.4, 0.6]
    assert list(french[tfma.FEATURES_KEY]["user_id"]) == ["a", "a"]
    assert list(french[tfma.FEATURES_KEY]["request"]) == [1, 3]
    assert list(french[tfma.FEATURES_KEY]["frozen_score"]) == [0.7, 0.9]


def test_without_slicing_there_is_one_extract_of_all_rows():
    batch = pa.RecordBatch.from_pydict({"user": [1, 2], "label": [0.0, 1.0], "score": [0.1, 0.2]})
    (only,) = extractors.to_extracts(batch, eval_config([], False, False))
    assert list(only[tfma.PREDICTIONS_KEY]) == [0.1, 0.2]
