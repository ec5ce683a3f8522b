"""Random batches of an exact shape: for lengths that no log at hand reaches."""

from __future__ import annotations

from typing import Literal

import numpy as np
import tensorflow as tf

from models import feature_config, features, inputs
from models.feature_config import VectorFeature
from models.features import Embedded, FeatureSizes, ItemTable
from models.optimizers import build_optimizer
from models.registry import build_model
from models.steps import Steps
from pipeline.config import Config

ITEMS_PER_CATEGORY = 100
CROSS_VALUES = 8
SESSION = 16  # behaviours of the local subsequence
SECONDS_APART = 60


def steps_of(
    config: Config, sizes: FeatureSizes, jit: Literal["auto", "on", "off"] = "off"
) -> Steps:
    """Returns the steps of the configuration's model, fresh, and of its optimizer."""
    model = build_model(config.model, sizes, config.seed)
    optimizer = build_optimizer(config.training, model, total_steps=10_000)
    return Steps(model, optimizer, jit, config.training.clip_norm)


def feature_sizes(config: Config, items: int) -> FeatureSizes:
    """Returns the tables of a log with `items` items and the configuration's features."""
    configured = config.features
    cross = [
        *(["behavior"] if config.log.mapping.behavior else []),
        *feature_config.of(("context", "event"), configured),
    ]
    grouped = max(items // ITEMS_PER_CATEGORY, 1) + 2
    of_items, of_users = (
        tuple(
            Embedded(name, name, grouped)
            for name, feature in feature_config.of(owner, configured).items()
            if feature.type != "vector"
        )
        for owner in ("item", "user")
    )
    return FeatureSizes(
        item=items + 2,
        category=grouped,
        cross=dict.fromkeys(cross, CROSS_VALUES + 2),
        context=tuple(feature_config.of("context", configured)),
        user=of_users,
        item_features=of_items,
        items=_item_table(config, items, grouped),
    )


def _item_table(config: Config, items: int, grouped: int) -> ItemTable | None:
    """One value for each item and feature, at random."""
    rng = np.random.default_rng(config.seed)
    ids, vectors = {}, {}
    for name, feature in feature_config.of("item", config.features).items():
        if isinstance(feature, VectorFeature):
            vectors[name] = rng.normal(size=(items + 2, feature.dim)).astype(np.float32)
        else:
            ids[name] = rng.integers(1, grouped, [items + 2, 1]).astype(np.int32)
    return ItemTable(items, ids, vectors) if ids or vectors else None


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
    for name in sizes.context:
        batch[features.target_feature(name)] = ids(sizes.cross[name], targets)
    for field in sizes.user:
        batch[features.user_feature(field.name)] = ids(field.rows, 1)
    end = tf.fill([users, targets], length)
    time = tf.range(length, dtype=tf.int64) * SECONDS_APART
    batch |= {
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
    return batch if sizes.items is None else batch | inputs.distinct_items(batch)
