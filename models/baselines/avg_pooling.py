"""Average pooling of the whole history."""

from __future__ import annotations

import tensorflow as tf

from models.base import CtrModel
from models.config import AvgPoolingConfig
from models.features import FeatureSizes
from models.interests import Interest
from models.layers import BehaviorEmbedding
from models.view import View


class AverageInterest(Interest):
    """The mean of all visible behaviours, projected to a target's width.

    The mean is a matrix product of [T, L] weights with [L, D] behaviours: unlike differences of
    prefix sums it loses no precision to long histories.
    """

    def __init__(self, embedding: BehaviorEmbedding, **kwargs):
        super().__init__(**kwargs)
        self.project = tf.keras.layers.Dense(embedding.inherent_dim, name="project")

    def call(self, view: View, training: bool = False) -> tf.Tensor:
        visible = tf.cast(view.window.mask(view.length), view.rows.dtype)
        size = tf.cast(tf.maximum(view.window.size, 1), view.rows.dtype)
        return self.project(tf.matmul(visible, view.rows) / size[..., None])


def build(config: AvgPoolingConfig, sizes: FeatureSizes) -> CtrModel:
    """Returns average pooling."""
    return CtrModel(config, sizes, AverageInterest)
