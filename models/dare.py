"""DARE: decoupled embeddings for attention and representation."""

from __future__ import annotations

import tensorflow as tf

from models.base import CtrModel
from models.config import DareConfig
from models.features import FeatureSizes
from models.interests import Interest, attention_of, relevance_of
from models.layers import BehaviorEmbedding, ConsistentSearch, Selection, embedding_of
from models.view import View


class DareInterest(Interest):
    """TWIN whose search and attention weights read tables of their own.

    DARE, arXiv 2410.02604: gradients of attention and of representation conflict where they share
    an embedding, and attention does with a narrower one, which makes the search cheaper. The
    product of representation and target, which the paper adds, is in every model's frame.
    """

    def __init__(self, config: DareConfig, sizes: FeatureSizes, embedding: BehaviorEmbedding):
        super().__init__()
        self.min_length = config.top_k
        dim = config.attention_dim
        self.attention_embedding = embedding_of(
            sizes, dim, dim, config.cross_dim, name="attention_embedding"
        )
        self.relevance = relevance_of(
            config.num_heads,
            self.attention_embedding,
            length_modulation=config.length_modulation,
        )
        self.search = ConsistentSearch(config.top_k)
        self.attention = attention_of(config.num_heads, embedding)

    def retrieve(self, view: View) -> Selection:
        """Returns the K behaviours that each target reads, of [B, T, K]."""
        narrow = view.through(self.attention_embedding)
        return self.search(
            self.relevance(narrow.target, view.window.size), narrow.rows, view.window
        )

    def call(self, view: View, training: bool = False) -> tf.Tensor:
        narrow = view.through(self.attention_embedding)
        queries = self.relevance(narrow.target, view.window.size)
        chosen = self.search(queries, narrow.rows, view.window)
        keys, mask = narrow.recall(chosen)
        rows, _ = view.recall(chosen)
        return self.attention(queries, rows, mask, keys=keys)


def build(config: DareConfig, sizes: FeatureSizes) -> CtrModel:
    """Returns DARE."""
    return CtrModel(config, sizes, lambda embedding: DareInterest(config, sizes, embedding))
