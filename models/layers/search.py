"""Search units: which K behaviours of a whole history a target gets to read.

All of them score [T, L] pairs of one user by a matrix product (or a comparison), hide what a target
may not see, and return the K best as a `Selection`. No gradient passes through a search.
"""

from __future__ import annotations

import tensorflow as tf

from models.layers.by_user import by_user
from models.layers.choose import LEAST, NEVER, choose, ranks
from models.layers.rank import rank
from models.layers.relevance import relevance
from models.layers.round_robin import round_robin
from models.layers.visibility import Selection, Window


class SearchUnit(tf.keras.layers.Layer):
    """The interface of all search units. Ties go to the more recent behaviour.

    Args:
      count: int, K; at most the history's length.
    Call arguments:
      queries: what `scores` compares, first axes [B, T] or [B, T, G]: G searches for each target.
      keys: what it is compared with, first axes [B, L], newest first.
      window: what each target may see.
    Returns:
      The K best visible behaviours, of [B, T, K] or [B, T, G, K].
    """

    integer_scores = False  # whether scores are whole numbers

    def __init__(self, count: int, **kwargs):
        super().__init__(**kwargs)
        self.count = count

    def scores(self, queries: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
        """Returns how well keys answer, [B, T, L] or [B, T, G, L]; `NEVER` where not at all."""
        raise NotImplementedError

    def call(self, queries, keys, window: Window) -> Selection:
        return by_user(self.choose, keys.shape[1], queries, keys, window)

    def choose(self, queries, keys, window: Window) -> Selection:
        """Returns what `call` does, for all users at once."""
        return self.pick(self.scores(queries, keys), window)

    def pick(self, scores: tf.Tensor, window: Window) -> Selection:
        """Returns what `call` does, of what `scores` returns."""
        return best(scores, window, self.count, self.integer_scores)

    def get_config(self):
        return super().get_config() | {"count": self.count}


def best(scores: tf.Tensor, window: Window, count: int, integer_scores: bool = False) -> Selection:
    """Returns the `count` best of `scores` [B, T, L] or [B, T, G, L] within each window.

    What scores `NEVER` is not chosen. Where shapes are static, which compiling pays for, `choose`
    finds them (also for `integer_scores`), elsewhere `rank`: see benchmarks/README.md.
    """
    if not scores.shape.is_fully_defined():
        return Selection(*_ranked(scores, window, count, in_order=False)).newest_first()
    positions, keys = _chosen(scores, window, count, integer_scores)
    return Selection(positions, keys > LEAST)


def _chosen(scores, window: Window, count: int, integer_scores: bool = False):
    """Returns what `choose` does of each row's last axis, of [B, T, K] or [B, T, G, K]."""
    first, stop = (
        tf.reshape(tf.broadcast_to(edge, scores.shape[:-1]), [-1, 1])
        for edge in _edges(scores, window)
    )
    rows = tf.reshape(tf.cast(scores, tf.float32), [-1, scores.shape[-1]])
    found = choose(rows, first, stop, count, integer_scores)
    return tuple(tf.reshape(x, [*scores.shape[:-1], count]) for x in found)


def _ranked(
    scores, window: Window, count: int, in_order: bool = True
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns what `rank` does of each row's last axis, of [B, T, K] or [B, T, G, K]."""
    shape = tf.shape(scores)
    first, stop = (
        tf.reshape(tf.broadcast_to(edge, shape[:-1]), [-1, 1]) for edge in _edges(scores, window)
    )
    rows = tf.reshape(tf.cast(scores, tf.float32), [-1, shape[-1]])
    lead = tf.concat([shape[:-1], [count]], 0)
    found = (tf.reshape(x, lead) for x in rank(rows, first, stop, count, in_order))
    return tuple(tf.ensure_shape(x, [*scores.shape[:-1], count]) for x in found)


def _edges(scores: tf.Tensor, window: Window) -> Window:
    """Returns a window for each row of scores, of [B, T] or [B, T, 1]."""
    return window if scores.shape.rank == 3 else Window(*(edge[..., None] for edge in window))


@tf.keras.utils.register_keras_serializable("everlong")
class RecencySearch(SearchUnit):
    """The K most recent behaviours; compares nothing."""

    def call(self, queries, keys, window: Window) -> Selection:
        return window.select(self.count)


@tf.keras.utils.register_keras_serializable("everlong")
class CategorySearch(SearchUnit):
    """The K most recent behaviours in the target's category (SIM-hard, arXiv 2006.05639).

    Call arguments: queries [B, T] and keys [B, L], category ids.
    """

    integer_scores = True

    def scores(self, queries, keys):
        return tf.where(queries[:, :, None] == keys[:, None, :], 0.0, NEVER)


@tf.keras.utils.register_keras_serializable("everlong")
class InnerProductSearch(SearchUnit):
    """The K behaviours of largest inner product (SIM-soft, arXiv 2006.05639).

    Call arguments: queries [B, T, D] and keys [B, L, D].
    """

    def scores(self, queries, keys):
        return tf.matmul(queries, keys, transpose_b=True)


@tf.keras.utils.register_keras_serializable("everlong")
class HammingSearch(SearchUnit):
    """The K behaviours whose codes agree in most bits (ETA, arXiv 2108.04468; MIRRN, 2411.15005).

    Call arguments: queries [B, T, G, m] and keys [B, L, m], signs from `SimHash`.
    """

    integer_scores = True

    def scores(self, queries, keys):
        return relevance(queries, keys)  # twice the bits that agree, less m: the same order


@tf.keras.utils.register_keras_serializable("everlong")
class ConsistentSearch(SearchUnit):
    """The K behaviours of highest relevance, as the attention that reads them computes it.

    TWIN's CP-GSU (arXiv 2302.02352, section 4.3) reads the heads' ranked lists round robin until
    K unique behaviours are collected (`per_head`). Otherwise one list ranks by the mean relevance
    over heads: the same for one head, somewhat less work for several.

    Args:
      count: int, K.
      per_head: bool.
    Call arguments:
      queries: [B, T, H, D], from `TargetRelevance`.
      keys: [B, L, D].
    """

    def __init__(self, count: int, per_head: bool = False, **kwargs):
        super().__init__(count, **kwargs)
        self.per_head = per_head

    def lists(self, queries: tf.Tensor) -> tf.Tensor:
        """Returns the queries [B, T, H', D] whose ranked lists are read: all, or their mean."""
        return queries if self.per_head else tf.reduce_mean(queries, 2, keepdims=True)

    def scores(self, queries, keys):
        """Returns relevance, [B, T, H', L]."""
        return relevance(self.lists(queries), keys)

    def call(self, queries, keys, window: Window) -> Selection:
        lists = queries.shape[2] if self.per_head else 1
        length = keys.shape[1] and keys.shape[1] * lists  # each list has scores of its own
        return by_user(self.choose, length, queries, keys, window)

    def pick(self, scores, window: Window) -> Selection:
        if scores.shape[2] == 1:
            return super().pick(scores[:, :, 0], window)
        if scores.shape.is_fully_defined():
            positions, keys = _chosen(scores, window, self.count)
            rank = tf.reshape(ranks(tf.reshape(keys, [-1, self.count])), keys.shape)
            return round_robin(positions, tf.where(keys > LEAST, rank, self.count), scores)
        positions, valid = _ranked(scores, window, self.count)
        return round_robin(positions, tf.where(valid, tf.range(self.count), self.count), scores)

    def get_config(self):
        return super().get_config() | {"per_head": self.per_head}
