"""The least that a retrieval must compute: scores of given queries and keys, and a top-k."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from models.base import CtrModel
from models.config import (
    DareConfig,
    EtaConfig,
    MirrnConfig,
    RetrievalConfig,
    SimSoftConfig,
    TwinConfig,
)


def minimum(
    config: RetrievalConfig, model: CtrModel, users: int, targets: int, length: int
) -> Callable[[], tf.Tensor]:
    """Returns a function that computes it as TensorFlow has it: `tf.matmul` and `tf.math.top_k`.

    Args:
      config: of the model.
      model: built.
      users: int, B.
      targets: int, T.
      length: int, L.
    """
    count = min(config.top_k, length)
    if config.name == "sim_hard":
        queries, keys = (
            tf.random.uniform([users, n], 1, model.embedding.category_size, tf.int32)
            for n in (targets, length)
        )

        def scores():
            return tf.cast(queries[:, :, None] == keys[:, None, :], tf.float32)
    else:
        searches, width = _searches(config, model)
        queries, keys = (tf.random.normal([users, n, width]) for n in (targets * searches, length))

        def scores():
            return tf.matmul(queries, keys, transpose_b=True)

    return tf.function(lambda: tf.math.top_k(scores(), count).indices, autograph=False)


def _searches(config: RetrievalConfig, model: CtrModel) -> tuple[int, int]:
    """Returns how many queries a target has, and how wide they are."""
    if isinstance(config, MirrnConfig):
        return len(config.granularities), config.hash_bits
    if isinstance(config, EtaConfig):
        return 1, config.hash_bits
    if isinstance(config, SimSoftConfig):
        return 1, model.embedding.inherent_dim
    if isinstance(config, DareConfig):
        assert model.long_term is not None, "it retrieves"
        return 1, model.long_term.attention_embedding.behavior_dim
    by_head = isinstance(config, TwinConfig) and config.search != "shared"
    return config.num_heads if by_head else 1, model.embedding.behavior_dim
