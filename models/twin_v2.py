"""TWIN-V2: TWIN's two stages over clusters of behaviours."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from models.base import CtrModel
from models.config import TwinV2Config
from models.features import FeatureSizes
from models.interests import RetrievedInterest
from models.layers import BehaviorEmbedding, Clusters, Selection, Window
from models.layers.choose import NEVER
from models.layers.clusters import ORDER_BITS
from models.layers.xla_jit import in_plain_graph
from models.twin import SEARCHES
from models.view import View, take

ITEM_BITS = 28  # of the order within a category; what is left is for cross features


class Candidates(NamedTuple):
    """What a user's targets search through: single behaviours, then clusters; V of them.

    Attributes:
      positions: [B, V] int32, in the newest-first history: the behaviour, or the one that stands
        for a cluster.
      weights: [B, V] float, ln n of a cluster of n behaviours, 0 of a single one.
      seen: [B, T, V] bool, which of them each target may see.
    """

    positions: tf.Tensor
    weights: tf.Tensor
    seen: tf.Tensor


class TwinV2Interest(RetrievedInterest):
    """Retrieves clusters by the attention's own relevance, then attends to them.

    A cluster of n behaviours is one virtual behaviour, whose relevance is `alpha + ln n` in both
    stages: it weighs in a softmax as n behaviours like it would (TWIN-V2, arXiv 2407.16357).

    Deviates from the paper in where clusters come from. There, a job clusters each user's lifelong
    history by k-means over item embeddings. Here every target has a history of its own, so the
    graph that trains and serves clusters it: chunks of `chunk` behaviours, counted from the oldest,
    each into `chunk / compression` clusters by category (`Clusters`), behaviours alike in cross
    features and item next to each other. A target sees the clusters of chunks that were full before
    it, and the rest singly, so that no cluster knows of what came after a target, and targets see
    the same together as alone. One of the members stands for a cluster, in numbers, too, of which
    the paper takes means: other members are never embedded.
    """

    def __init__(self, config: TwinV2Config, embedding: BehaviorEmbedding):
        super().__init__(config, embedding)
        self.search = SEARCHES[config.search](config.top_k)
        self.chunk, self.clusters = config.chunk, config.chunk // config.compression

    def choose(self, view: View, queries: tf.Tensor) -> Selection:
        return self._choose(view, queries)[0].newest_first()

    def call(self, view: View, training: bool = False) -> tf.Tensor:
        queries = self.queries(view)
        chosen, weights = self._choose(view, queries)
        bias = tf.cast(weights, queries.dtype)[:, :, None]
        return self.attention(queries, view.gather(chosen), chosen.valid, bias=bias)

    def _choose(self, view: View, queries: tf.Tensor) -> tuple[Selection, tf.Tensor]:
        """Returns what `choose` does, in any order, and the weights of it, [B, T, K]."""
        found = self.candidates(view)
        ids = {n: tf.gather(x, found.positions, batch_dims=1) for n, x in view.ids.items()}
        rows = tf.stop_gradient(view.embedding(ids, view.items))
        scores = self.search.scores(tf.stop_gradient(queries), rows)
        scores += tf.cast(found.weights, scores.dtype)[:, None, None]
        scores = tf.where(found.seen[:, :, None], tf.cast(scores, tf.float32), NEVER)
        nowhere = tf.zeros_like(view.window.first)
        places, valid = self.search.pick(scores, Window(nowhere, nowhere + tf.shape(scores)[-1]))
        valid &= tf.gather(found.seen, places, batch_dims=2)  # by mass, all that is hidden is alike
        positions = tf.where(valid, take(found.positions, places), 0)
        return Selection(positions, valid), take(found.weights, places)

    def candidates(self, view: View) -> Candidates:
        """Returns what the targets of a batch search through."""
        chunk, count, length = self.chunk, self.clusters, view.length
        chunks = length // chunk
        rest = length - chunks * chunk  # the newest, which fill no chunk
        groups, order = (
            tf.reshape(x[:, rest:], [-1, chunk]) for x in (view.ids["category"], _order(view))
        )
        clusters = Clusters.of(groups, order, count)
        newest = rest + tf.range(chunks) * chunk  # of each chunk
        shape = [tf.shape(view.time)[0], chunks * count]
        places = tf.reshape(clusters.places, [shape[0], chunks, count]) + newest[:, None]
        sizes = tf.cast(tf.reshape(clusters.sizes, shape), tf.float32)
        full = tf.repeat(newest, count) >= view.window.first[..., None]

        first = view.window.first
        stop = first + (length - first) % chunk  # behaviours of no chunk that was full
        begin, singles = _stretch(first, stop, length, self.config.top_k)
        single = begin[:, None] + tf.range(singles)
        alone = (single[:, None] >= first[..., None]) & (single[:, None] < stop[..., None])
        return Candidates(
            tf.concat([tf.minimum(single, length - 1), tf.reshape(places, shape)], 1),
            tf.concat([tf.zeros(tf.shape(single)), tf.math.log(sizes)], 1),
            tf.concat([alone, full], 2),
        )


def _stretch(
    first: tf.Tensor, stop: tf.Tensor, length: tf.Tensor | int, least: int
) -> tuple[tf.Tensor, tf.Tensor | int]:
    """Returns the stretch of history that any of a user's targets sees singly.

    Args:
      first, stop: [B, T] int32, what each target does.
      length: L.
      least: int, at most L.

    Returns:
      where it begins, [B] int32; how long that of any user is, or `least`. The whole history, where
      shapes must not depend on the data.
    """
    if not (tf.executing_eagerly() or in_plain_graph()):
        return tf.zeros_like(first[:, 0]), length
    some = first < stop
    begin = tf.reduce_min(tf.where(some, first, length), 1)
    end = tf.reduce_max(tf.where(some, stop, 0), 1)
    return begin, tf.maximum(tf.reduce_max(end - begin), least)


def _order(view: View) -> tf.Tensor:
    """Returns the order of behaviours within a category, [B, L] int64: those next to each other are
    alike in cross features and item.

    Of items, ids and not places in a batch, whose order would differ from batch to batch.
    """
    items = view.ids["item"]
    if view.batch_items is not None:
        items = tf.gather(view.batch_items, items)
    code = tf.zeros_like(view.time)
    for name in view.embedding.cross_sizes:
        code = code * 31 + tf.cast(view.ids[name], tf.int64)
    code %= 2 ** (ORDER_BITS - ITEM_BITS)
    return code * 2**ITEM_BITS + tf.cast(items, tf.int64) % 2**ITEM_BITS


def build(config: TwinV2Config, sizes: FeatureSizes) -> CtrModel:
    """Returns TWIN-V2."""
    return CtrModel(config, sizes, lambda embedding: TwinV2Interest(config, embedding))
