"""How TFMA gets from examples to scored slices without ever copying a history.

TFMA's own extractors turn every feature of every example, histories included, into numpy arrays,
then handle examples one by one. Here only the few features that metrics read leave Arrow, the model
gets the serialized examples in batches of similar size, and batches stay batches: each is split by
slice, not by example. Metrics must accept arrays, as those of `tfma_metrics` beside it do.

The module is given to TFX's Evaluator as `module_path`.
"""

from __future__ import annotations

from collections.abc import Iterator

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.extractors import predictions_extractor, slice_key_extractor
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.slicer import slicer_lib

from components.errors import InputError
from components.evaluator.eval_config import ORACLE_METRIC
from models import features

# Bytes of serialized examples, after padding to the longest, that the model scores at once: bounds
# memory by the length of histories, not by their number.
BATCH_BYTES = 4 << 20
# The argument of the signature `serving_default`.
_EXAMPLES = "examples"


def custom_extractors(
    eval_shared_model: tfma.MaybeMultipleEvalSharedModels,
    eval_config: config_pb2.EvalConfig,
    tensor_adapter_config: object = None,
) -> list[tfma.extractors.Extractor]:
    """The stages from Arrow batches to extracts of one slice each; called by TFX's Evaluator.

    Args:
      eval_shared_model: the candidate, or the candidate and the baseline.
      eval_config: names the label, the slices and the models.
      tensor_adapter_config: not needed: every feature that is read has one value.
    """
    del tensor_adapter_config
    label = eval_config.model_specs[0].label_key
    specs = [slicer_lib.SingleSliceSpec(spec=spec) for spec in eval_config.slicing_specs]
    specs = specs or [slicer_lib.SingleSliceSpec()]
    sliced = {name for spec in eval_config.slicing_specs for name in spec.feature_keys}
    wanted = sliced | {features.USER_ID}
    if any(metric.class_name == ORACLE_METRIC for metric in eval_config.metrics_specs[0].metrics):
        wanted.add(features.TARGET_ORACLE)
    return [
        tfma.extractors.Extractor(
            stage_name="ExtractFeatures",
            ptransform=beam.FlatMap(_narrow, label=label, wanted=wanted),
        ),
        predictions_extractor.PredictionsExtractor(eval_config, eval_shared_model),
        tfma.extractors.Extractor(
            stage_name=slice_key_extractor.SLICE_KEY_EXTRACTOR_STAGE_NAME,
            ptransform=beam.FlatMap(_by_slice, specs=specs, sliced=sorted(sliced)),
        ),
    ]


def _narrow(extracts: tfma.Extracts, label: str, wanted: set[str]) -> Iterator[tfma.Extracts]:
    """Takes the wanted features out of an Arrow batch, in batches of similar serialized size."""
    record_batch = extracts[tfma.ARROW_RECORD_BATCH_KEY]
    serialized = record_batch.column(tfma.ARROW_INPUT_COLUMN).flatten()
    labels = _column(record_batch, label)
    values = {name: _column(record_batch, name) for name in wanted}
    inputs = np.asarray(serialized, object)
    for rows in similar_sizes(np.asarray(pa.compute.binary_length(serialized)), BATCH_BYTES):
        yield {
            tfma.INPUT_KEY: inputs[rows],
            tfma.LABELS_KEY: labels[rows],
            # TFMA calls a signature by keyword only if its argument is among the features; called
            # without, TensorFlow first formats an error that prints every history.
            tfma.FEATURES_KEY: {_EXAMPLES: inputs[rows]}
            | {name: column[rows] for name, column in values.items()},
        }


def similar_sizes(sizes: np.ndarray, budget: int) -> Iterator[np.ndarray]:
    """Splits rows into batches of similar size, each a power of two long.

    A model pads a batch to its longest history, and compiles for every batch size that it meets.

    Args:
      sizes: [n] size of each row.
      budget: most that `rows x largest size` of a batch may be; a single row may exceed it.

    Yields:
      Indices of the rows of each batch; together every row once.
    """
    order = np.argsort(sizes, kind="stable")[::-1]
    begin = 0
    while begin < len(order):
        fitting = max(budget // max(int(sizes[order[begin]]), 1), 1)
        count = 1 << (min(fitting, len(order) - begin).bit_length() - 1)
        yield order[begin : begin + count]
        begin += count


def _column(record_batch: pa.RecordBatch, name: str) -> np.ndarray:
    """The single value of a feature in each row, [n]."""
    if name not in record_batch.schema.names:
        raise InputError(
            f"The evaluated examples have no feature {name!r}. They have: "
            f"{sorted(set(record_batch.schema.names) - {tfma.ARROW_INPUT_COLUMN})}"
        )
    column = record_batch.column(name)
    values = column.flatten()
    if len(values) != record_batch.num_rows or column.null_count:
        raise InputError(
            f"`{name}` must have exactly one value in every evaluated example. Received: "
            f"{len(values)} values in {record_batch.num_rows} examples"
        )
    return values.to_numpy(zero_copy_only=False)


def _by_slice(
    extracts: tfma.Extracts, specs: list[slicer_lib.SingleSliceSpec], sliced: list[str]
) -> Iterator[tfma.Extracts]:
    """Splits a batch into one for each slice that it touches; a row is in many."""
    del extracts[tfma.INPUT_KEY]
    count = len(extracts[tfma.LABELS_KEY])
    values = {n: x for n, x in extracts[tfma.FEATURES_KEY].items() if n != _EXAMPLES}
    columns = [values[name] for name in sliced]
    combinations, which = _distinct(columns, count)
    rows_of: dict[tuple, list[int]] = {}
    for index, combination in enumerate(combinations):
        named = {name: np.array([value]) for name, value in zip(sliced, combination, strict=True)}
        for key in slicer_lib.get_slices_for_features_dicts([], named, specs):
            rows_of.setdefault(key, []).append(index)
    for key, members in rows_of.items():
        rows = np.flatnonzero(np.isin(which, members))
        yield {
            tfma.SLICE_KEY_TYPES_KEY: slicer_lib.slice_keys_to_numpy_array([key]),
            tfma.LABELS_KEY: extracts[tfma.LABELS_KEY][rows],
            tfma.PREDICTIONS_KEY: _take(extracts[tfma.PREDICTIONS_KEY], rows),
            tfma.FEATURES_KEY: {name: column[rows] for name, column in values.items()},
        }


def _distinct(columns: list[np.ndarray], count: int) -> tuple[list[tuple], np.ndarray]:
    """The distinct rows of `columns`, and which of them each of the `count` rows is."""
    seen: dict[tuple, int] = {}
    rows = zip(*columns, strict=True) if columns else [()] * count
    which = np.array([seen.setdefault(row, len(seen)) for row in rows])
    return list(seen), which


def _take(predictions: dict | np.ndarray, rows: np.ndarray) -> dict | np.ndarray:
    if isinstance(predictions, dict):
        return {name: _take(values, rows) for name, values in predictions.items()}
    return predictions[rows]
