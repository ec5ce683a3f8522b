"""What the modules that read a history have in common."""

from __future__ import annotations

import tensorflow as tf

from models.config import RetrievalConfig
from models.layers import BehaviorEmbedding, Selection, TargetAttention, TargetRelevance
from models.view import View


class Interest(tf.keras.layers.Layer):
    """A module that finds a target's interest in its user's history.

    Attributes:
      min_length: int, padded length of history that the module needs at least; its K.
      reads_moments: whether it computes something once for all targets of a moment.
    """

    min_length: int = 1
    reads_moments = False

    def call(self, view: View, training: bool = False) -> tf.Tensor:
        """Returns one interest vector per target, [B, T, D]."""
        raise NotImplementedError


def relevance_of(num_heads: int, embedding: BehaviorEmbedding, **kwargs) -> TargetRelevance:
    """Returns the relevance of behaviours that `embedding` embeds."""
    return TargetRelevance(num_heads, len(embedding.cross_sizes), embedding.cross_dim, **kwargs)


def attention_of(num_heads: int, embedding: BehaviorEmbedding) -> TargetAttention:
    """Returns target attention over behaviours that `embedding` embeds, as wide as a target."""
    units = embedding.inherent_dim
    return TargetAttention(
        num_heads, embedding.behavior_dim, head_dim=-(-units // num_heads), units=units
    )


class RecentInterest(Interest):
    """Multi-head target attention over the newest visible behaviours.

    Args:
      num_heads: int, H.
      count: int or None, behaviours that are read; None reads them all.
      embedding: of behaviours and targets.
    """

    def __init__(
        self,
        num_heads: int,
        count: int | None,
        embedding: BehaviorEmbedding,
        length_modulation: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.count = count
        self.relevance = relevance_of(num_heads, embedding, length_modulation=length_modulation)
        self.attention = attention_of(num_heads, embedding)

    def call(self, view: View, training: bool = False) -> tf.Tensor:
        queries = self.relevance(view.target, view.window.size)
        if self.count is None:
            return self.attention(queries, view.rows, view.window.mask(view.length))
        return view.of_recent(self.count, lambda rows, mask: self.attention(queries, rows, mask))


class RetrievedInterest(Interest):
    """Multi-head target attention over K behaviours, which subclasses `choose`.

    Args:
      config: of a model that retrieves.
      embedding: of behaviours and targets.
      relevance: options of `TargetRelevance`.
    """

    def __init__(self, config: RetrievalConfig, embedding: BehaviorEmbedding, **relevance):
        super().__init__()
        self.config = config
        self.min_length = config.top_k
        self.relevance = relevance_of(
            config.num_heads, embedding, length_modulation=config.length_modulation, **relevance
        )
        self.attention = attention_of(config.num_heads, embedding)

    def queries(self, view: View) -> tf.Tensor:
        """Returns what the targets ask their histories, [B, T, H, D]."""
        return self.relevance(view.target, view.window.size)

    def choose(self, view: View, queries: tf.Tensor) -> Selection:
        """Returns K behaviours for each target.

        Args:
          view: of the batch.
          queries: [B, T, H, D], from `queries`.
        """
        raise NotImplementedError

    def retrieve(self, view: View) -> Selection:
        """Returns the K behaviours that each target reads, of [B, T, K]."""
        return self.choose(view, self.queries(view))

    def call(self, view: View, training: bool = False) -> tf.Tensor:
        queries = self.queries(view)
        return self.attention(queries, *view.recall(self.choose(view, queries)))
