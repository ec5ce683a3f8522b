"""Every model by its name: a new model is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from models import dare, features, hstu, mirrn, twin, twin_v2
from models.base import CtrModel
from models.baselines import avg_pooling, din, eta, sdim, sim_hard, sim_soft
from models.config import ModelConfig
from models.features import FeatureSizes

# By the `name` of their configuration, whose type each of them takes.
BUILDERS: dict[str, Callable[..., CtrModel]] = {
    "avg_pooling": avg_pooling.build,
    "dare": dare.build,
    "din": din.build,
    "eta": eta.build,
    "hstu": hstu.build,
    "mirrn": mirrn.build,
    "sdim": sdim.build,
    "sim_hard": sim_hard.build,
    "sim_soft": sim_soft.build,
    "twin": twin.build,
    "twin_v2": twin_v2.build,
}


def build_model(config: ModelConfig, sizes: FeatureSizes, seed: int) -> CtrModel:
    """Returns a model with all its variables, initialised from `seed`.

    Args:
      config: hyper-parameters; `config.name` names the model.
      sizes: rows of the embedding tables.
      seed: int; the same seed gives the same initial weights.
    """
    tf.keras.utils.set_random_seed(seed)
    model = BUILDERS[config.name](config, sizes)
    model(blank_batch(sizes))
    return model


def blank_batch(sizes: FeatureSizes) -> dict[str, tf.Tensor]:
    """Returns a batch of one user without a past and one target: enough to build variables."""
    batch = {
        features.history_feature(name): tf.zeros([1, 1], tf.int32)
        for name in ("item", "category", *sizes.cross)
    }
    for name in (
        features.TARGET_ITEM,
        features.TARGET_CATEGORY,
        features.TARGET_HIST_END,
        features.TARGET_LOCAL_BEGIN,
    ):
        batch[name] = tf.zeros([1, 1], tf.int32)
    for name in sizes.context:
        batch[features.target_feature(name)] = tf.zeros([1, 1], tf.int32)
    for field in sizes.user:
        batch[features.user_feature(field.name)] = tf.zeros([1, field.values], tf.int32)
    batch[features.HISTORY_TIME] = tf.zeros([1, 1], tf.int64)
    batch[features.TARGET_TIME] = tf.zeros([1, 1], tf.int64)
    batch[features.HISTORY_LENGTH] = tf.zeros([1], tf.int32)
    batch[features.TARGET_VALID] = tf.ones([1, 1], tf.bool)
    return batch
