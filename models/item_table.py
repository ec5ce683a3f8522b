"""What is known of every item, from the transformed examples of the split `items`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from models import feature_config, features
from models.feature_config import IdsFeature, VectorFeature
from models.features import ItemTable
from models.preprocessing import rows_of
from models.settings import PreprocessingSettings


def read(
    files: Sequence[str], transform_output: tft.TFTransformOutput, settings: PreprocessingSettings
) -> ItemTable:
    """Reads the table of items.

    Args:
      files: gzipped TFRecord files of transformed examples, each a chunk of items.
      transform_output: of the Transform run that wrote them.
      settings: with which it ran.

    Returns:
      Features by the item's id. Those that an item does not have, and all of the unknown item
      (the last row), are missing.
    """
    spec = {
        name: kind
        for name, kind in transform_output.transformed_feature_spec().items()
        if name.startswith(features.item_feature(""))
    }
    chunks: dict[str, list[np.ndarray]] = {name: [] for name in spec}
    for record in tf.data.TFRecordDataset(sorted(files), "GZIP"):
        for name, values in tf.io.parse_single_example(record, spec).items():
            chunks[name].append(values.numpy())
    columns = {name: np.concatenate(parts) for name, parts in chunks.items()}
    rows = transform_output.vocabulary_size_by_name(features.ITEM) + 2
    item, count = columns[features.ITEM_ID], columns[features.ITEM_COUNT]
    rule = feature_config.table_of(features.ITEM, settings.features, settings.tables)
    # Ids fall by count, so the items with a row of their own are the first ones.
    known = int((count >= (rule.min_count or 1)).sum())
    ids, vectors = {}, {}
    configured = feature_config.embedded(settings.features, settings.tables)
    for name, feature in feature_config.of("item", configured).items():
        column = columns[features.item_feature(name)]
        if isinstance(feature, VectorFeature):
            vectors[name] = np.zeros([rows, feature.dim], np.float32)
            vectors[name][item] = np.nan_to_num(column.reshape(-1, feature.dim))
        elif isinstance(feature, IdsFeature):
            sizes = columns[features.length_of(features.item_feature(name))]
            ids[name] = _several(column, sizes, item, rows, feature.max_values)
        else:
            missing = rows_of(name, transform_output, settings) - 1
            ids[name] = np.full([rows, 1], missing, np.int32)
            ids[name][features.PADDING_ID] = features.PADDING_ID
            ids[name][item, 0] = column
    return ItemTable(min(known, rule.max_size or known), ids, vectors)


def _several(
    values: np.ndarray, sizes: np.ndarray, item: np.ndarray, rows: int, most: int
) -> np.ndarray:
    """Returns the first `most` ids of each item, padded with 0: [rows, the most of any item]."""
    place = np.arange(len(values)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    kept = place < most
    table = np.zeros([rows, int(np.minimum(sizes, most).max(initial=1))], np.int32)
    table[np.repeat(item, sizes)[kept], place[kept]] = values[kept]
    return table
