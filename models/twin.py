"""TWIN: two-stage interest network."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from models.base import CtrModel
from models.config import TwinConfig
from models.features import FeatureSizes
from models.interests import RetrievedInterest
from models.layers import (
    BehaviorEmbedding,
    ConsistentSearch,
    MassSearch,
    Selection,
    TargetPositionEncoding,
)
from models.layers.either import either
from models.view import View

# Up to so many targets, behaviours are scored by parts instead of as rows: see benchmarks.
FEW_TARGETS = 2

SEARCHES: dict[str, Callable[[int], ConsistentSearch]] = {
    "per_head": functools.partial(ConsistentSearch, per_head=True),
    "shared": ConsistentSearch,
    "mass": MassSearch,
}


class TwinInterest(RetrievedInterest):
    """Retrieves by the attention's own relevance (CP-GSU), then attends to what was found (ESU).

    TWIN, arXiv 2302.02352. Both stages take their relevance from one layer, so with fresh
    parameters `search: per_head` finds exactly what the attention's heads rank highest, and `mass`
    what they read most of. `shared` ranks by their mean, which with one head is the same and with
    several is not: a behaviour that matters to one head alone may be missed. A position encoding,
    where configured, biases the attention alone.
    """

    def __init__(self, config: TwinConfig, embedding: BehaviorEmbedding):
        super().__init__(
            config,
            embedding,
            projection=config.projection,
        )
        self.search = SEARCHES[config.search](config.top_k)
        self.position = (
            TargetPositionEncoding(config.num_heads) if config.position_encoding else None
        )

    def choose(self, view: View, queries: tf.Tensor) -> Selection:
        return self._found(view, queries, lambda _, chosen: chosen)

    def _found(self, view: View, queries: tf.Tensor, read: Callable[[View, Selection], Any]) -> Any:
        """Returns `read` of a view and of what is chosen there, as pays for so many targets."""
        if view.is_masked:
            return read(view, self.search(queries, view.rows, view.window))
        targets = queries.shape[1] or tf.shape(queries)[1]
        # Within a branch of a graph, rows must not be those that the view keeps.
        own = view if view.is_static else dataclasses.replace(view)
        return either(
            targets <= FEW_TARGETS,
            lambda: read(view, self._by_parts(view, queries)),
            lambda: read(own, self.search(queries, own.rows, own.window)),
        )

    def _by_parts(self, view: View, queries: tf.Tensor) -> Selection:
        lists = self.search.lists(queries)
        shape = tf.shape(lists)
        flat = tf.reshape(lists, [shape[0], -1, lists.shape[3]])
        scores = view.embedding.products(flat, view.ids, view.items)
        scores = tf.reshape(scores, [shape[0], shape[1], lists.shape[2], view.length])
        return self.search.pick(scores, view.window)

    def call(self, view: View, training: bool = False) -> tf.Tensor:
        queries = self.queries(view)
        return self._found(view, queries, lambda seen, chosen: self._read(seen, queries, chosen))

    def _read(self, view: View, queries: tf.Tensor, chosen: Selection) -> tf.Tensor:
        if self.position is None:
            return self.attention(queries, *view.recall(chosen))
        bias = tf.linalg.matrix_transpose(self.position(*view.distance(chosen)))
        return self.attention(queries, view.gather(chosen), chosen.valid, bias=bias)


def build(config: TwinConfig, sizes: FeatureSizes) -> CtrModel:
    """Returns TWIN, whose tables hold cross features only where the configuration has them."""
    return CtrModel(
        config, sizes, lambda embedding: TwinInterest(config, embedding), config.cross_features
    )
