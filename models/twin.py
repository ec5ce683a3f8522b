"""TWIN: two-stage interest network."""

from __future__ import annotations

import tensorflow as tf

from models.base import CtrModel, Interest, attention_of, relevance_of
from models.config import TwinConfig
from models.features import FeatureSizes
from models.layers import BehaviorEmbedding, ConsistentSearch, TargetPositionEncoding
from models.view import View


class TwinInterest(Interest):
    """Retrieves by the attention's own relevance (CP-GSU), then attends to what was found (ESU).

    TWIN, arXiv 2302.02352. Both stages take their relevance from one layer, so with fresh parameters
    the search finds exactly what the attention ranks highest.
    """

    def __init__(self, config: TwinConfig, embedding: BehaviorEmbedding, **kwargs):
        super().__init__(**kwargs)
        self.least = config.retrieve
        self.relevance = relevance_of(
            config.heads,
            embedding,
            cross_features=config.cross_features,
            projection=config.projection,
        )
        self.search = ConsistentSearch(config.retrieve, per_head=config.search == "per_head")
        self.position = TargetPositionEncoding(config.heads) if config.position_encoding else None
        self.attention = attention_of(config.heads, embedding)

    def call(self, view: View, training: bool = False) -> tf.Tensor:
        queries = self.relevance(view.target)
        chosen = self.search(queries, view.rows, view.window)
        if self.position is None:
            return self.attention(queries, *view.recall(chosen))
        bias = tf.transpose(self.position(*view.distance(chosen)), [0, 1, 3, 2])
        return self.attention(queries, view.gather(chosen), chosen.valid, bias)


def build(config: TwinConfig, sizes: FeatureSizes) -> CtrModel:
    """Returns TWIN."""
    return CtrModel(config, sizes, lambda embedding: TwinInterest(config, embedding))
