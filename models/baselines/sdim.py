"""SDIM: pooling by hash collisions."""

from __future__ import annotations

import tensorflow as tf

from models.base import CtrModel
from models.config import SdimConfig
from models.features import FeatureSizes
from models.interests import Interest
from models.layers import BehaviorEmbedding, HashCollisionPooling, SimHash


class SdimInterest(Interest):
    """Pools, of the whole history, what collides with the target (SDIM, arXiv 2205.10249)."""

    def __init__(self, config: SdimConfig, embedding: BehaviorEmbedding):
        super().__init__()
        self.hash = SimHash(embedding.inherent_dim, config.hash_bits)
        self.pooling = HashCollisionPooling(config.signature_bits)
        self.project = tf.keras.layers.Dense(embedding.inherent_dim, name="project")

    def call(self, view, training=False):
        codes = (self.hash(tf.stop_gradient(x)) for x in (view.target, view.rows))
        pooled = self.pooling(*codes, view.rows, view.window.first)  # to the oldest
        return self.project(pooled)


def build(config: SdimConfig, sizes: FeatureSizes) -> CtrModel:
    """Returns SDIM."""
    return CtrModel(config, sizes, lambda embedding: SdimInterest(config, embedding))
