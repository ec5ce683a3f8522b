"""Scores the eval split: every model once, into the one table that everything else reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow as tf
from tensorflow.python.saved_model import loader_impl
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders import example_coder

from components.errors import InputError
from components.literal_paths import plain
from components.log_keys import log_key
from components.scoring import by_user, predictions
from components.scoring.slices import Slicer, as_text, single
from models import features
from models.inputs import untuned

_TYPES = {
    schema_pb2.INT: tf.int64,
    schema_pb2.FLOAT: tf.float32,
    schema_pb2.BYTES: tf.string,
}
# Serialized examples that are decoded and merged at once: bounds the memory.
_BLOCK_BYTES = 64 << 20
_COLUMNS = {
    predictions.USER: features.USER_ID,
    predictions.ITEM: features.TARGET_ITEM,
    predictions.CATEGORY: features.TARGET_CATEGORY,
    predictions.TIME: features.TARGET_TIME,
    predictions.LABEL: features.LABEL,
}


class Model:
    """An exported model.

    Args:
      path: folder of the SavedModel.
    """

    def __init__(self, path: str):
        # The signature alone would not keep it alive.
        self._loaded = tf.saved_model.load(str(plain(Path(path))))
        self._signature = self._loaded.signatures[features.SERVING_DEFAULT]
        self.reads = {*raw_features(path), features.TARGET_HIST_END}

    def __call__(self, serialized: np.ndarray) -> np.ndarray:
        """Probabilities [n, T] of serialized examples [n]."""
        return self._signature(examples=tf.constant(serialized))[features.PROBABILITY].numpy()


def raw_features(path: str) -> dict[str, tf.DType]:
    """The features that an exported model reads, and their types, without loading it.

    Raises:
      InputError: if it has not the signatures of Everlong's models.
    """
    definition = loader_impl.parse_saved_model(path).meta_graphs[0].signature_def
    if features.SCORE not in definition:
        raise InputError(
            f"{path} has no signature {features.SCORE!r}, so it is no model that Everlong "
            f"exported. It has: {sorted(definition)}"
        )
    return {
        name: tf.as_dtype(info.dtype)
        for name, info in definition[features.SCORE].inputs.items()
        if name != features.HISTORY_LENGTH
    }


def incompatible(path: str, schema: schema_pb2.Schema) -> str | None:
    """Why an exported model cannot score examples of `schema`, in words; None if it can."""
    there = {feature.name: _TYPES.get(feature.type) for feature in schema.feature}
    wrong = [
        f"{log_key(name) or name} ({dtype.name}, "
        f"now {there[name].name if there.get(name) else 'missing'})"
        for name, dtype in sorted(raw_features(path).items())
        if there.get(name) != dtype
    ]
    return f"it reads {', '.join(dict.fromkeys(wrong))}" if wrong else None


class Scorer:
    """Turns blocks of serialized eval examples into rows of the predictions table.

    Args:
      candidate: folder of the SavedModel that is judged.
      baseline: of the one to compare with, or None.
      slicer: what rows are sliced by.
      schema: of the examples.
    """

    def __init__(
        self, candidate: str, baseline: str | None, slicer: Slicer, schema: schema_pb2.Schema
    ):
        self._models = {predictions.SCORE: Model(candidate)}
        if baseline is not None:
            self._models[predictions.BASELINE_SCORE] = Model(baseline)
        self._slicer = slicer
        needed = set().union(*(model.reads for model in self._models.values()), slicer.reads)
        needed |= {*_COLUMNS.values(), features.TARGET_ORACLE}
        narrow = schema_pb2.Schema()
        for feature in schema.feature:
            # Merging compares whole histories, so all of them are decoded.
            if feature.name in needed or feature.name.startswith(features.HISTORY_PREFIX):
                narrow.feature.add(name=feature.name, type=feature.type)
        self._oracle = any(f.name == features.TARGET_ORACLE for f in narrow.feature)
        self._decoder = example_coder.ExamplesToRecordBatchDecoder(narrow.SerializeToString())

    def __call__(self, serialized: list[bytes]) -> pa.RecordBatch:
        """Scores examples of one target each; rows are in their order."""
        examples = self._decoder.DecodeBatch(serialized)
        columns = {name: as_text(single(examples, raw)) for name, raw in _COLUMNS.items()}
        for name, model in self._models.items():
            columns[name] = pa.array(by_user.score(model, examples, model.reads))
        if self._oracle:
            columns[features.TARGET_ORACLE] = single(examples, features.TARGET_ORACLE)
        return pa.RecordBatch.from_pydict(columns | self._slicer.columns(examples))


def blocks(file: str) -> Iterator[list[bytes]]:
    """The serialized examples of a file of TFRecords, some 64 MiB at a time."""
    records = tf.data.TFRecordDataset(file, "GZIP" if file.endswith(".gz") else "", 1 << 20)
    block: list[bytes] = []
    size = 0
    for record in untuned(records).as_numpy_iterator():
        block.append(record)
        size += len(record)
        if size >= _BLOCK_BYTES:
            yield block
            block, size = [], 0
    if block:
        yield block


class ScoreFiles(beam.DoFn):
    """Scores files of eval examples: a path to batches of the predictions table.

    Args:
      candidate, baseline, schema: as for `Scorer`.
      slices, transform_graph: as for `Slicer`.
    """

    def __init__(
        self,
        candidate: str,
        baseline: str | None,
        slices: list[str],
        transform_graph: str,
        schema: schema_pb2.Schema,
    ):
        self._arguments = candidate, baseline, slices, transform_graph, schema

    def setup(self) -> None:
        """Loads the models, once for each worker."""
        candidate, baseline, slices, transform_graph, schema = self._arguments
        self._scorer = Scorer(candidate, baseline, Slicer(slices, transform_graph), schema)

    def process(self, file: str) -> Iterator[pa.RecordBatch]:
        """Yields the rows of a file."""
        for block in blocks(file):
            yield self._scorer(block)
