"""Scores the eval split: every model once, into the one table that everything else reads."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow.python.saved_model import loader_impl
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders import example_coder

from components.errors import InputError
from components.log_keys import log_key
from components.saved_model import SavedModel
from components.scoring import by_user, feature_slices, predictions
from components.scoring.feature_slices import FeatureSlicer, FeatureSlices
from components.scoring.frozen import Freezer
from components.scoring.slices import Slicer, as_text, single
from models import features, lists
from models.feature_config import Feature
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
    predictions.REQUEST: features.TARGET_REQUEST,
    predictions.LABEL: features.LABEL,
}
_FROZEN = {
    predictions.SCORE: predictions.FROZEN,
    predictions.BASELINE_SCORE: predictions.BASELINE_FROZEN,
}
_OF_LABELS = features.label_feature("")


class Model:
    """An exported model.

    Args:
      path: folder of the SavedModel, of this machine or a URI that TensorFlow opens.

    Attributes:
      reads: the raw features that it reads.
      labels: names of the labels that it predicts beside the primary one.
    """

    def __init__(self, path: str):
        loaded = SavedModel(path)
        self._score = loaded.functions[features.SERVING_DEFAULT]
        self.reads = {*_raw_features(path, loaded.definition), features.TARGET_HIST_END}
        of_label = features.probability("")
        self.labels = sorted(
            name.removeprefix(of_label) for name in self._score.outputs if name.startswith(of_label)
        )

    def __call__(self, serialized: np.ndarray) -> np.ndarray:
        """Probabilities [n, T, 1 + labels] of serialized examples [n], the primary first."""
        found = self._score({"examples": serialized})
        names = [features.PROBABILITY, *map(features.probability, self.labels)]
        return np.stack([found[name] for name in names], -1)


def raw_features(path: str) -> dict[str, tf.DType]:
    """The features that an exported model reads, and their types, without loading it.

    Raises:
      InputError: if it has not the signatures of Everlong's models.
    """
    return _raw_features(path, loader_impl.parse_saved_model(path).meta_graphs[0].signature_def)


def _raw_features(
    path: str, definition: Mapping[str, meta_graph_pb2.SignatureDef]
) -> dict[str, tf.DType]:
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
        f"now {now.name if (now := there.get(name)) else 'missing'})"
        for name, dtype in sorted(raw_features(path).items())
        if there.get(name) != dtype
    ]
    return f"it reads {', '.join(dict.fromkeys(wrong))}" if wrong else None


class Scorer:
    """Turns files of eval examples into rows of the predictions table.

    Args:
      candidate: folder of the SavedModel that is judged.
      baseline: of the one to compare with, or None.
      slicers: what rows are sliced by.
      schema: of the examples.
      protocol: of metrics within users; where it is "frozen", there are scores for it too.
    """

    def __init__(
        self,
        candidate: str,
        baseline: str | None,
        slicers: Sequence[Slicer | FeatureSlicer],
        schema: schema_pb2.Schema,
        protocol: lists.Protocol,
    ):
        self._frozen = protocol == lists.FROZEN
        self._models = {predictions.SCORE: Model(candidate)}
        if baseline is not None:
            self._models[predictions.BASELINE_SCORE] = Model(baseline)
        self._slicers = slicers
        self._reads = set().union(*(model.reads for model in self._models.values()))
        there = {f.name for f in schema.feature}
        # Beside the roles that every log has, as they are: {feature: column}.
        self._further = {
            name: column
            for name, column in (
                (features.TARGET_ORACLE, features.TARGET_ORACLE),
                (features.TARGET_WEIGHT, predictions.WEIGHT),
                *((name, name) for name in sorted(there) if name.startswith(_OF_LABELS)),
            )
            if name in there
        }
        needed = {*self._reads, *_COLUMNS.values(), *self._further}
        needed = needed.union(*(slicer.reads for slicer in slicers))
        # Merging compares whole histories, so all of them are decoded.
        self._decoder = _decoder(
            schema, lambda name: name in needed or name.startswith(features.HISTORY_PREFIX)
        )

    def __call__(self, file: str) -> Iterator[pa.RecordBatch]:
        """Scores a file of examples of one target each; rows are in their order.

        Where histories are frozen, all examples of a user must be in the file, as
        BehaviorExampleGen writes them.
        """
        freezer = Freezer(self._reads)
        waiting = []
        for block in blocks(file):
            examples = self._decoder.DecodeBatch(block)
            rows = self._rows(examples)
            if not self._frozen:
                yield rows
                continue
            freezer.add(examples)
            waiting.append(rows)
        if waiting:
            yield from self._with_frozen(waiting, freezer.packed())

    def _with_frozen(
        self, waiting: list[pa.RecordBatch], packed: by_user.Packed
    ) -> Iterator[pa.RecordBatch]:
        table = pa.Table.from_batches(waiting)
        for name, model in self._models.items():
            scores = by_user.score_packed(model, packed.serialized, packed.counts)
            restored = packed.restore(scores)
            for column, values in self._scores(_FROZEN[name], model, restored).items():
                table = table.append_column(column, values)
        yield from table.to_batches()

    def _scores(self, column: str, model: Model, scores: np.ndarray) -> dict[str, pa.Array]:
        """Columns of scores [n, labels], of the labels that the examples have."""
        names = [column, *(predictions.of_label(column, name) for name in model.labels)]
        kept = [True, *(features.label_feature(name) in self._further for name in model.labels)]
        return {
            name: pa.array(scores[:, place])
            for place, (name, keep) in enumerate(zip(names, kept, strict=True))
            if keep
        }

    def _rows(self, examples: pa.RecordBatch) -> pa.RecordBatch:
        columns = {name: as_text(single(examples, raw)) for name, raw in _COLUMNS.items()}
        for name, model in self._models.items():
            columns |= self._scores(name, model, by_user.score(model, examples, model.reads))
        for feature, column in self._further.items():
            columns[column] = single(examples, feature)
        for slicer in self._slicers:
            columns |= slicer.columns(examples)
        return pa.RecordBatch.from_pydict(columns)


def protocol(rows: Sequence[pa.RecordBatch]) -> lists.Protocol:
    """How targets of a user are compared in an eval split, see `lists.protocol`.

    Args:
      rows: of all its targets, with the columns user, request and label.
    """
    if not rows:
        return lists.REQUEST
    table = pa.Table.from_batches(rows).combine_chunks()
    codes = table[predictions.USER].combine_chunks().dictionary_encode().indices.to_numpy()
    request, label = (table[name].to_numpy() for name in (predictions.REQUEST, predictions.LABEL))
    return lists.protocol(codes, request, label)


def slice_features(
    sliced: Mapping[str, Feature],
    files: Sequence[str],
    items: Sequence[str],
    schema: schema_pb2.Schema,
) -> FeatureSlices:
    """Chooses what is a slice of its own of configured features, see `feature_slices.cuts`.

    Args:
      sliced: the features, by name.
      files: of all eval examples.
      items: files of the split `items`.
      schema: of both.
    """
    found = FeatureSlices(sliced, items)
    if not sliced:
        return found
    slicer = _feature_slicer(found, schema)
    values = read_files(files, schema, slicer.reads, slicer.values)
    return dataclasses.replace(found, cuts=feature_slices.cuts(sliced, values))


def trained_items(files: Sequence[str], schema: schema_pb2.Schema) -> int:
    """Returns how many items of the split `items` have a training row.

    Args:
      files: of the split.
      schema: of the examples.
    """

    def count(examples: pa.RecordBatch) -> pa.RecordBatch:
        counts = examples.column(features.ITEM_COUNT).flatten()
        return pa.record_batch([pc.greater(counts, 0)], [features.ITEM_COUNT])

    batches = read_files(files, schema, [features.ITEM_COUNT], count)
    return sum(pc.sum(batch.column(0)).as_py() or 0 for batch in batches)


def _feature_slicer(sliced: FeatureSlices, schema: schema_pb2.Schema) -> FeatureSlicer:
    names = feature_slices.item_columns(sliced.features)
    if not names:
        return FeatureSlicer(sliced, None)

    def take(examples: pa.RecordBatch) -> pa.RecordBatch:
        return pa.record_batch([examples.column(name).flatten() for name in names], names)

    chunks = list(read_files(sliced.items, schema, names, take))
    return FeatureSlicer(sliced, pa.Table.from_batches(chunks))


def read_files(
    files: Sequence[str],
    schema: schema_pb2.Schema,
    names: Collection[str],
    take: Callable[[pa.RecordBatch], pa.RecordBatch],
) -> Iterator[pa.RecordBatch]:
    """Reads examples in their order, several files at a time.

    Args:
      files: of serialized examples.
      schema: of the examples.
      names: the features that are decoded.
      take: what is wanted of decoded examples, [n] lists by feature; called in several threads.

    Yields:
      What `take` returns of each block of examples.
    """

    def read(file: str) -> list[pa.RecordBatch]:
        decoder = _decoder(schema, lambda name: name in names)  # it keeps state: one a thread
        return [take(decoder.DecodeBatch(block)) for block in blocks(file)]

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for batches in pool.map(read, files):
            yield from batches


def _decoder(
    schema: schema_pb2.Schema, wanted: Callable[[str], bool]
) -> example_coder.ExamplesToRecordBatchDecoder:
    narrow = schema_pb2.Schema()
    for feature in schema.feature:
        if wanted(feature.name):
            narrow.feature.add(name=feature.name, type=feature.type)
    return example_coder.ExamplesToRecordBatchDecoder(narrow.SerializeToString())


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
      candidate, baseline, schema, protocol: as for `Scorer`.
      slices, transform_graph, trained: as for `Slicer`.
      by_feature: what is sliced by of the configured features.
    """

    def __init__(
        self,
        candidate: str,
        baseline: str | None,
        slices: list[str],
        transform_graph: str,
        schema: schema_pb2.Schema,
        protocol: lists.Protocol,
        by_feature: FeatureSlices,
        trained: int | None = None,
    ):
        self._arguments = candidate, baseline, slices, transform_graph, schema, protocol
        self._by_feature, self._trained = by_feature, trained

    def setup(self) -> None:
        """Loads the models, once for each worker."""
        candidate, baseline, slices, transform_graph, schema, protocol = self._arguments
        others = [name for name in slices if name not in self._by_feature.features]
        slicer = Slicer(others, transform_graph, self._trained)
        slicers = slicer, _feature_slicer(self._by_feature, schema)
        self._scorer = Scorer(candidate, baseline, slicers, schema, protocol)

    def process(self, file: str) -> Iterator[pa.RecordBatch]:
        """Yields the rows of a file."""
        yield from self._scorer(file)
