"""Clusters of alike behaviours, each of which one member stands for."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

# Bits of an order, within a group: with 27 for groups, an int64.
ORDER_BITS = 36


class Clusters(NamedTuple):
    """Clusters of each row of behaviours, M of them.

    Attributes:
      places: [N, M] int32, the member that stands for each cluster.
      sizes: [N, M] int32, its members; at least 1.
    """

    places: tf.Tensor
    sizes: tf.Tensor

    @classmethod
    def of(cls, groups: tf.Tensor, order: tf.Tensor, count: int) -> Clusters:
        """Puts each of a row's behaviours into one of `count` clusters, of one group where it can.

        A group is cut into runs of its order, equally long to within one. How many each gets makes
        the longest run as short as it can be (Adams' apportionment, with the larger group first).
        Of more groups than clusters, the smallest get none: each joins the cluster before it.

        The middle of a run stands for it: so what more than half of its members are.

        Args:
          groups: [N, C] int32, from 0, below 2^27.
          order: [N, C] int64, from 0, below 2^`ORDER_BITS`; equals are in the order of places.
          count: int, M <= C.
        """
        length = groups.shape[1]
        keys = tf.bitwise.left_shift(tf.cast(groups, tf.int64), ORDER_BITS) + order
        ascending = tf.math.top_k(-keys, length).indices  # of equals, the first comes first
        groups = tf.gather(groups, ascending, batch_dims=1)
        begin, stop = (tf.searchsorted(groups, groups, side) for side in ("left", "right"))
        rank, size = tf.range(length) - begin, stop - begin
        # A group's r-th run more is due before another's where n / r is larger; the first, anyway.
        share = tf.cast(size / tf.maximum(rank, 1), tf.float32)
        due = tf.where(rank == 0, share + length, share)
        runs_before = _counts(tf.math.top_k(due, count).indices, length)
        first = tf.gather(runs_before, begin, batch_dims=1)
        runs = tf.gather(runs_before, stop, batch_dims=1) - first
        cluster = first + tf.where(runs > 0, rank * runs // size, -1)
        numbers = tf.broadcast_to(tf.range(count), [tf.shape(groups)[0], count])
        cluster = tf.maximum(cluster, 0)
        begin, stop = (tf.searchsorted(cluster, numbers, side) for side in ("left", "right"))
        middle = (begin + stop - 1) // 2
        return cls(tf.gather(ascending, middle, batch_dims=1), stop - begin)


def _counts(places: tf.Tensor, length: int) -> tf.Tensor:
    """Returns how many of `places` [N, M] lie before each of 0 ... `length`, [N, length + 1]."""
    rising = tf.sort(places)
    index = tf.broadcast_to(tf.range(length + 1), [tf.shape(places)[0], length + 1])
    return tf.searchsorted(rising, index)
