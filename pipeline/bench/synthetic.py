"""Random batches of an exact shape: for lengths that no log at hand reaches."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from models import features
from models.features import FeatureSizes
from pipeline.config import Config

ITEMS_PER_CATEGORY = 100
CROSS_VALUES = 8
SESSION = 16  # behaviours of the local subsequence
SECONDS_APART = 60


def feature_sizes(config: Config, items: int) -> FeatureSizes:
    """Returns the tables of a log with `items` items and the configuration's cross features."""
    cross = [*(["behavior"] if config.log.mapping.behavior else []), *config.log.features]
    categories = max(items // ITEMS_PER_CATEGORY, 1)
    return FeatureSizes(
        item=items + 2, category=categories + 2, cross=dict.fromkeys(cross, CROSS_VALUES + 2)
    )


def synthetic_batch(
    sizes: FeatureSizes, users: int, targets: int, length: int, seed: int
) -> dict[str, tf.Tensor]:
    """Returns a batch without padding, in which every target sees the whole history.

    Args:
      sizes: of the tables; ids are uniform, so that each row read is far from the last.
      users: int, B.
      targets: int, T.
      length: int, L.
      seed: int.
    """
    rng = np.random.default_rng(seed)

    def ids(size: int, columns: int) -> tf.Tensor:
        return tf.constant(rng.integers(1, size, [users, columns]), tf.int32)

    batch = {
        features.history_feature(name): ids(size, length)
        for name, size in {"item": sizes.item, "category": sizes.category, **sizes.cross}.items()
    }
    end = tf.fill([users, targets], length)
    time = tf.range(length, dtype=tf.int64) * SECONDS_APART
    return batch | {
        features.HISTORY_TIME: tf.tile(time[None], [users, 1]),
        features.HISTORY_LENGTH: tf.fill([users], length),
        features.TARGET_ITEM: ids(sizes.item, targets),
        features.TARGET_CATEGORY: ids(sizes.category, targets),
        features.TARGET_TIME: tf.cast(end, tf.int64) * SECONDS_APART,
        features.TARGET_HIST_END: end,
        features.TARGET_LOCAL_BEGIN: tf.maximum(end - SESSION, 0),
        features.TARGET_VALID: tf.ones([users, targets], tf.bool),
        features.LABEL: tf.constant(rng.integers(0, 2, [users, targets]), tf.float32),
    }
