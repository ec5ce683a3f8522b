"""From the predictions table to TFMA: batches stay batches, split by slice and not by example.

TFMA's own extractors handle examples one by one. Here a batch of scored targets becomes one extract
for each slice that it touches; metrics must accept arrays, as those of `tfma_metrics` do.
"""

from __future__ import annotations

from collections.abc import Iterator

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.extractors import slice_key_extractor
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.slicer import slicer_lib

from components.evaluator.tfma.eval_config import BASELINE, CANDIDATE
from components.scoring import predictions
from models import features

_FROZEN = (predictions.FROZEN, predictions.BASELINE_FROZEN)
_KEPT = (*_FROZEN, predictions.REQUEST, predictions.WEIGHT, features.TARGET_ORACLE)
# `to_extracts` has done all the work; TFMA only looks for a stage of this name.
EXTRACTOR = tfma.extractors.Extractor(
    stage_name=slice_key_extractor.SLICE_KEY_EXTRACTOR_STAGE_NAME,
    ptransform=beam.Map(lambda extracts: extracts),
)


def to_extracts(batch: pa.RecordBatch, config: config_pb2.EvalConfig) -> Iterator[tfma.Extracts]:
    """Splits rows of the predictions table by slice; a row is in many.

    Args:
      batch: rows of the table.
      config: whose slicing specs say into which.
    """
    specs = [slicer_lib.SingleSliceSpec(spec=spec) for spec in config.slicing_specs]
    sliced = sorted({name for spec in config.slicing_specs for name in spec.feature_keys})
    labels, users = _values(batch, predictions.LABEL), _values(batch, predictions.USER)
    scores = {CANDIDATE: _values(batch, predictions.SCORE)}
    if predictions.BASELINE_SCORE in batch.schema.names:
        scores[BASELINE] = _values(batch, predictions.BASELINE_SCORE)
    of_labels = [
        predictions.of_label(column, name)
        for name in predictions.labels(batch.schema.names)
        for column in (predictions.LABEL, predictions.SCORE, predictions.BASELINE_SCORE, *_FROZEN)
    ]
    kept = {features.USER_ID: users} | {
        name: _values(batch, name) for name in (*_KEPT, *of_labels) if name in batch.schema.names
    }
    columns = {name: _values(batch, name) for name in sliced}
    for key, rows in rows_by_slice(columns, specs, batch.num_rows).items():
        scored = {name: values[rows] for name, values in scores.items()}
        yield {
            tfma.SLICE_KEY_TYPES_KEY: slicer_lib.slice_keys_to_numpy_array([key]),
            tfma.LABELS_KEY: labels[rows],
            tfma.PREDICTIONS_KEY: scored if len(scored) > 1 else scored[CANDIDATE],
            tfma.FEATURES_KEY: {name: column[rows] for name, column in kept.items()},
        }


def rows_by_slice(
    columns: dict[str, np.ndarray], specs: list[slicer_lib.SingleSliceSpec], count: int
) -> dict[tuple, np.ndarray]:
    """The rows of each slice, as TFMA's slicer tells for every distinct combination of values.

    Args:
      columns: [n] arrays by the names of the features that `specs` read.
      specs: TFMA's.
      count: n.
    """
    seen: dict[tuple, int] = {}
    rows = zip(*columns.values(), strict=True) if columns else [()] * count
    which = np.array([seen.setdefault(row, len(seen)) for row in rows], np.int64)
    members: dict[tuple, list[int]] = {}
    for index, combination in enumerate(seen):
        named = {name: np.array([x]) for name, x in zip(columns, combination, strict=True)}
        for key in slicer_lib.get_slices_for_features_dicts([], named, specs):
            members.setdefault(key, []).append(index)
    return {key: np.flatnonzero(np.isin(which, chosen)) for key, chosen in members.items()}


def _values(batch: pa.RecordBatch, name: str) -> np.ndarray:
    return batch.column(name).to_numpy(zero_copy_only=False)
