"""SDIM's pooling by hash collisions."""

from __future__ import annotations

import tensorflow as tf

from models.layers.either import either
from models.layers.gather import gather_rows
from models.layers.subsequence import flat_positions
from models.layers.visibility import Window

# What a target sees begins anywhere, tables at multiples of so many behaviours; in short histories
# at more of them, as each target reads up to so many one by one.
BLOCK, SMALL_BLOCK, SHORT = 128, 64, 1024


@tf.keras.utils.register_keras_serializable("everlong")
class HashCollisionPooling(tf.keras.layers.Layer):
    """Averages over signatures the behaviours that share the target's signature.

    `SDIM(q) = 1/G sum_g l2( sum_j [sig_g(s_j) = sig_g(q)] s_j )`: the m SimHash signs form G = m /
    tau signatures of tau bits (SDIM, arXiv 2205.10249, equations 9 to 11).

    As in the paper, behaviours are summed by signature before any target asks. The tables hold
    what is as old as every 128th behaviour or older (every 64th of short histories); a target looks
    into the newest that it sees as a whole, and reads the behaviours before it one by one. Nothing
    is subtracted, so that nothing is left where nothing collides.

    Args:
      signature_bits: int, tau; must divide m.
    Call arguments:
      queries: [B, T, m] float, +1 or -1.
      keys: [B, L, m] float, +1 or -1, newest first.
      rows: [B, L, D] float, what is pooled.
      first: [B, T] int32, the newest behaviour that is visible, as are all that are older; L: none.
    Returns:
      [B, T, D] float; zeros where nothing collides.
    """

    def __init__(self, signature_bits: int, **kwargs):
        super().__init__(**kwargs)
        self.signature_bits = signature_bits

    def call(self, queries, keys, rows, first):
        asked, held = self._signatures(queries), self._signatures(keys)
        length = rows.shape[1] or tf.shape(rows)[1]
        if queries.shape[1] == 1:  # a table that is looked into once is not worth making
            visible = tf.range(length) >= first
            total = _sums(asked, *(x[:, None] for x in (held, rows, visible)))
        else:
            size = either(length <= SHORT, lambda: SMALL_BLOCK, lambda: BLOCK)
            more = [[0, 0], [0, -length % size], [0, 0]]
            rows, held = tf.pad(rows, more), tf.pad(held, more)
            block = -(-first // size)
            total = self._newest(asked, held, rows, first, block * size, size)
            total += self._older(asked, held, rows, block, size)
        return tf.reduce_mean(tf.math.l2_normalize(total, -1), 2)

    def _signatures(self, codes: tf.Tensor) -> tf.Tensor:
        """Returns each signature's number, [B, N, G] int32, of codes [B, N, m]."""
        groups = codes.shape[-1] // self.signature_bits
        shape = tf.concat([tf.shape(codes)[:-1], [groups, self.signature_bits]], 0)
        bits = tf.cast(tf.reshape(codes, shape) > 0, tf.int32)
        return tf.reduce_sum(bits * 2 ** tf.range(self.signature_bits), -1)

    def _newest(self, asked, held, rows, first, stop, size) -> tf.Tensor:
        """Returns the sums of what collides from `first` until `stop`, [B, T, G, D]."""
        positions, valid = Window(first, stop).select(size)
        flat = flat_positions(positions, tf.shape(rows)[1])
        near = tf.gather(tf.reshape(held, [-1, held.shape[-1]]), flat)
        return _sums(asked, near, gather_rows(tf.reshape(rows, [-1, rows.shape[-1]]), flat), valid)

    def _older(self, asked, held, rows, block, size) -> tf.Tensor:
        """Returns the sums of what collides in `block` [B, T] or an older one, [B, T, G, D]."""
        groups, width, buckets = held.shape[-1], rows.shape[-1], 2**self.signature_bits
        users, count = tf.shape(rows)[0], tf.shape(rows)[1] // size
        member = tf.one_hot(held, buckets, dtype=rows.dtype)
        member = tf.reshape(member, [users, count, size, groups * buckets])
        tables = tf.matmul(member, tf.reshape(rows, [users, count, size, width]), transpose_a=True)
        tables = tf.reshape(tables, [users, count, groups * buckets * width])
        # As a product: TensorFlow's cumulative sum takes as long as all of the rest.
        older = tf.linalg.band_part(tf.ones([count + 1, count], rows.dtype), 0, -1)
        sums = tf.reshape(tf.matmul(tf.repeat(older[None], users, 0), tables), [-1, width])
        place = flat_positions(block[..., None], count + 1) * groups + tf.range(groups)
        return gather_rows(sums, place * buckets + asked)

    def get_config(self):
        return super().get_config() | {"signature_bits": self.signature_bits}


def _sums(asked, held, rows, visible) -> tf.Tensor:
    """Returns the sums over M of what is visible and collides, [B, T, G, D].

    Args:
      asked: [B, T, G] int32.
      held: [B, T, M, G] int32.
      rows: [B, T, M, D] float.
      visible: [B, T, M] bool.
    """
    collides = (held == asked[:, :, None]) & visible[..., None]
    return tf.matmul(tf.cast(collides, rows.dtype), rows, transpose_a=True)
