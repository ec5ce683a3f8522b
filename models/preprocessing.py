"""`preprocessing_fn` for TFX Transform: values of the log become ids of shared vocabularies.

Features of one table share a vocabulary, built on the `train` split and, of what is known of items,
on the items that it has: 0 is padding, 1..V are the known values by falling frequency, V+1 is
"unknown", and for configured features V+2 is "missing". Numbers become buckets. Positions, times
and labels pass through, so that serving may leave them out.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from models import feature_config, features, local_time
from models.feature_config import (
    IdFeature,
    IdsFeature,
    NumberFeature,
    TableConfig,
    TimeFeature,
    VectorFeature,
)
from models.label_config import ONE_LABEL, LabelTasks
from models.masked import kept
from models.settings import PreprocessingSettings

# The features that hold ids of `log.columns`, by the vocabulary that they share.
VOCABULARIES: dict[str, tuple[str, ...]] = {
    features.ITEM: (features.HISTORY_ITEM, features.TARGET_ITEM),
    features.CATEGORY: (features.HISTORY_CATEGORY, features.TARGET_CATEGORY),
    features.BEHAVIOR: (features.HISTORY_BEHAVIOR,),
}
PASSED_THROUGH = (
    features.USER_ID,
    features.HISTORY_TIME,
    features.TARGET_TIME,
    features.TARGET_REQUEST,
    features.TARGET_HIST_END,
    features.TARGET_LOCAL_BEGIN,
    features.TARGET_MATCH,
    features.LABEL,
    features.TARGET_WEIGHT,
)
QUANTILE_ERROR = 0.001  # of a bucket's boundary, as a share of all values
HOURS, DAYS = 24, 7
HASHES = ([0x4576, 0x65726C], [0x6F6E67, 0x21])  # keys that must never change

Inputs = Mapping[str, tf.RaggedTensor]


@tf.autograph.experimental.do_not_convert
def preprocessing_fn(
    inputs: Inputs, custom_config: Mapping[str, Any]
) -> dict[str, tf.RaggedTensor]:
    """Maps raw features to transformed features of the same names.

    Args:
      inputs: raw features; ids are int64 or bytes, ragged [B, L] or [B, T]. `history_behavior`,
        the configured features and all positions are optional. Those of items are in examples of
        their own, of the split `items`.
      custom_config: what TFX hands over; `"config"` holds `PreprocessingSettings` as JSON.

    Returns:
      int64 ids for the id features and the configured ones, the rest unchanged.
    """
    settings = PreprocessingSettings.from_custom_config(custom_config)
    configured = settings.features
    passed = (*PASSED_THROUGH, features.ITEM_COUNT)
    outputs = {
        name: values
        for name, values in inputs.items()
        if name in passed or name.startswith(features.label_feature(""))
    }
    shared = {
        table: [c for name in named for c in feature_config.columns(name, configured[name])]
        for table, named in feature_config.tables_of(configured).items()
    }
    for vocabulary, columns in (VOCABULARIES | shared).items():
        table = feature_config.table_of(vocabulary, configured, settings.tables)
        ids_of = _vocabulary_ids if table.buckets is None else _hashed_ids
        if present := {name: inputs[name] for name in columns if name in inputs}:
            outputs |= ids_of(vocabulary, present, table, inputs)
    for name, feature in configured.items():
        columns = [c for c in feature_config.columns(name, feature) if c in inputs]
        if isinstance(feature, NumberFeature):
            outputs |= _bucket_ids(feature, {c: inputs[c] for c in columns}, inputs)
        elif isinstance(feature, TimeFeature):
            outputs |= _clock(name, feature, inputs)
        elif isinstance(feature, VectorFeature):
            outputs |= {c: inputs[c] for c in columns}
        elif isinstance(feature, IdsFeature):
            for column in columns:
                outputs |= _lists(column, outputs, inputs)
    return outputs


def bucket_ids(values: tf.Tensor, boundaries: Sequence[float] | tf.Tensor) -> tf.Tensor:
    """Returns 1 + the number of boundaries that are <= the value, so that 0 stays padding.

    A missing value, NaN, has the id that follows those of all buckets.

    Args:
      values: float32 [n].
      boundaries: rising, [N].

    Returns:
      int64 [n], 1 to N + 2.
    """
    edges = tf.reshape(tf.cast(boundaries, tf.float32), [-1])
    missing = tf.math.is_nan(values)
    place = tf.searchsorted(edges, tf.where(missing, 0.0, values), "right", tf.int64)
    return tf.where(missing, tf.size(edges, tf.int64) + 2, place + 1)


def feature_sizes(
    transform_output: tft.TFTransformOutput,
    settings: PreprocessingSettings,
    items: features.ItemTable | None = None,
    labels: LabelTasks = ONE_LABEL,
) -> features.FeatureSizes:
    """Returns the table sizes that a model needs for the ids of `preprocessing_fn`.

    Args:
      transform_output: the result of a Transform run with `preprocessing_fn`.
      settings: with which it ran.
      items: what is known of every item (`item_table.read`); None where items have no features.
      labels: what the model predicts.
    """

    configured = feature_config.embedded(settings.features, settings.tables)

    def rows(name: str) -> int:
        return rows_of(name, transform_output, settings)

    def embedded(owner: feature_config.Owner) -> tuple[features.Embedded, ...]:
        return tuple(
            _embedded(name, feature, rows(name), settings)
            for name, feature in feature_config.of(owner, configured).items()
            if not isinstance(feature, VectorFeature)
        )

    cross = {}
    if features.HISTORY_BEHAVIOR in transform_output.transformed_feature_spec():
        cross[features.BEHAVIOR] = rows(features.BEHAVIOR)
    behavioral = feature_config.of(("context", "event"), configured)
    return features.FeatureSizes(
        item=rows(features.ITEM) if items is None else items.known + 2,
        category=rows(features.CATEGORY),
        cross=cross | {name: rows(name) for name in behavioral},
        cross_tables={
            name: feature.table
            for name, feature in behavioral.items()
            if isinstance(feature, IdFeature) and feature.table
        },
        context=tuple(feature_config.of("context", configured)),
        user=embedded("user"),
        item_features=embedded("item"),
        items=items,
        labels=labels,
    )


def rows_of(
    name: str, transform_output: tft.TFTransformOutput, settings: PreprocessingSettings
) -> int:
    """Returns the rows of the table that embeds a feature, or ids of `log.columns`.

    Padding, known values and unknown; those of a configured feature, missing as well.
    """
    feature = feature_config.embedded(settings.features, settings.tables).get(name)
    if isinstance(feature, NumberFeature):
        bounds = feature.boundaries
        return (len(bounds) + 1 if bounds else feature.buckets or 0) + 2
    if isinstance(feature, TimeFeature):
        return 1 + {"hour_of_day": HOURS, "day_of_week": DAYS}[feature.as_]
    table = getattr(feature, "table", None) or name
    buckets = settings.tables[table].buckets if table in settings.tables else None
    if buckets is not None:
        return buckets + 2
    return transform_output.vocabulary_size_by_name(table) + (2 if feature is None else 3)


def _embedded(
    name: str, feature: feature_config.Feature, rows: int, settings: PreprocessingSettings
) -> features.Embedded:
    table = getattr(feature, "table", None) or name
    width = settings.tables[table].dim if table in settings.tables else None
    if width == "auto":
        width = 4 * -(-int(8 + rows**0.25) // 4)
    if isinstance(feature, IdsFeature):
        values, pooling = feature.max_values, feature.pooling
        return features.Embedded(name, table, rows, width, values, pooling)
    return features.Embedded(name, table, rows, width)


def _vocabulary_ids(
    vocabulary: str, columns: Inputs, table: TableConfig, inputs: Inputs
) -> dict[str, tf.RaggedTensor]:
    """Maps the columns of one table to the ids of their common vocabulary."""
    role = vocabulary in VOCABULARIES
    if vocabulary == features.ITEM and features.ITEM_ID in inputs:
        # All items of the table, those without a training row last: see `item_table`.
        columns = dict(columns) | {features.ITEM_ID: inputs[features.ITEM_ID]}
        path = tft.vocabulary(
            inputs[features.ITEM_ID].flat_values,
            weights=tf.cast(inputs[features.ITEM_COUNT].flat_values + 1, tf.float32),
            vocab_filename=vocabulary,
        )
    else:
        values, weights = _analysed(columns, inputs)
        if not role:
            values, weights = _present(tf.not_equal(values, ""), values, weights)
        path = tft.vocabulary(
            values,
            top_k=table.max_size,
            frequency_threshold=table.min_count,
            weights=weights,
            vocab_filename=vocabulary,
        )
    outputs = {}
    for name, ragged in columns.items():
        ids = tft.apply_vocabulary(ragged.flat_values, path, lookup_fn=_look_up) + 1
        if not role:
            ids += tf.cast(tf.equal(ragged.flat_values, ""), tf.int64)  # from unknown to missing
        outputs[name] = ragged.with_flat_values(ids)
    return outputs


class _Lines(tf.lookup.TextFileInitializer):
    """Lines of a vocabulary, whose tables are shared by a digest of the path, and not by the path.

    A graph holds that name for ever: a model shall not tell where it was built.
    """

    @property
    def _shared_name(self) -> str:
        name: str = super()._shared_name
        return hashlib.sha256(name.encode()).hexdigest()


def _look_up(values: tf.Tensor, path: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """Finds the lines of values in a vocabulary, unknown ones behind the last; and how many ids.

    Transform's own buckets for unknown values hash the known ones, too: 8 to 41 % of a request.
    """
    with contextlib.ExitStack() as stack:
        if tf.inside_function() and not tf.is_symbolic_tensor(path):
            stack.enter_context(tf.init_scope())  # made once, not at every call
        lines = _Lines(
            path,
            key_dtype=values.dtype,
            key_index=tf.lookup.TextFileIndex.WHOLE_LINE,
            value_dtype=tf.int64,
            value_index=tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        table = tf.lookup.StaticHashTable(lines, default_value=-1)
    size = table.size()  # when the graph runs: a vocabulary may grow (`everlong items`)
    # `table.lookup` gives what it does not find a number that is told when the graph is built.
    found = tf.raw_ops.LookupTableFindV2(
        table_handle=table.resource_handle, keys=values, default_value=size
    )
    found.set_shape(values.shape)
    return found, size + 1


def _hashed_ids(
    vocabulary: str, columns: Inputs, table: TableConfig, inputs: Inputs
) -> dict[str, tf.RaggedTensor]:
    """Maps the columns of one table to rows that two hashes choose; what is missing has the last.

    Two values are taken for one where both hashes agree, which is as rare as the square.
    """
    assert table.buckets is not None, "the table is one of hashes"
    outputs = {}
    for name, ragged in columns.items():
        values = ragged.flat_values
        missing = tf.equal(values, "")
        for key, column in zip(HASHES, (name, feature_config.again(name)), strict=True):
            rows = tf.strings.to_hash_bucket_strong(values, table.buckets, key) + 1
            rows = tf.where(missing, tf.constant(table.buckets + 1, tf.int64), rows)
            outputs[column] = ragged.with_flat_values(rows)
    return outputs


def _lists(column: str, outputs: Inputs, inputs: Inputs) -> dict[str, tf.RaggedTensor]:
    """Makes padding of empty values, with which a request of tensors fills up; adds the lengths."""
    size, lists = features.length_of(column), {}
    for name in (column, feature_config.again(column)):
        if name not in outputs:
            continue
        empty = tf.equal(inputs[column].flat_values, "")
        padding = tf.constant(features.PADDING_ID, tf.int64)
        lists[name] = outputs[name].with_flat_values(
            tf.where(empty, padding, outputs[name].flat_values)
        )
        if size in inputs:
            lists[features.length_of(name)] = inputs[size]
    return lists


def _analysed(columns: Inputs, inputs: Inputs) -> tuple[tf.Tensor, tf.Tensor | None]:
    """The values that make up a vocabulary or quantiles, and how much each of them weighs.

    A value of an item weighs as much as the item has training rows: what only later rows show is
    not there.
    """
    values, weights = [], []
    for name, ragged in columns.items():
        flat = ragged.flat_values
        if not name.startswith(features.item_feature("")):
            values.append(flat)
            weights.append(tf.ones([tf.size(flat)], tf.float32))
            continue
        count = inputs[features.ITEM_COUNT].flat_values
        if features.length_of(name) in inputs:
            count = tf.repeat(count, inputs[features.length_of(name)].flat_values)
        known, rows = kept(count > 0, flat, count)
        values.append(known)
        weights.append(tf.cast(rows, tf.float32))
    weighted = any(name.startswith(features.item_feature("")) for name in columns)
    return tf.concat(values, 0), tf.concat(weights, 0) if weighted else None


def _present(
    mask: tf.Tensor, values: tf.Tensor, weights: tf.Tensor | None
) -> tuple[tf.Tensor, tf.Tensor | None]:
    if weights is None:
        return kept(mask, values)[0], None
    values, weights = kept(mask, values, weights)
    return values, weights


def _bucket_ids(
    feature: NumberFeature, columns: Inputs, inputs: Inputs
) -> dict[str, tf.RaggedTensor]:
    boundaries: Any = feature.boundaries
    if boundaries is None:
        values, weights = _analysed(columns, inputs)
        values, weights = _present(~tf.math.is_nan(values), values, weights)
        boundaries = tft.quantiles(values, feature.buckets, QUANTILE_ERROR, weights=weights)
    return {
        name: ragged.with_flat_values(bucket_ids(ragged.flat_values, boundaries))
        for name, ragged in columns.items()
    }


def _clock(name: str, feature: TimeFeature, inputs: Inputs) -> dict[str, tf.RaggedTensor]:
    shown = getattr(local_time, feature.as_)
    times: Iterable[tuple[str, str]] = zip(
        feature_config.columns(name, feature),
        (features.HISTORY_TIME, features.TARGET_TIME),
        strict=True,
    )
    return {
        column: inputs[time].with_flat_values(1 + shown(inputs[time].flat_values, feature.timezone))
        for column, time in times
        if time in inputs
    }
