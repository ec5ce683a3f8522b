"""Rows of booleans as words of 32 bits: counted, and their set bits found, without a sort."""

from __future__ import annotations

import tensorflow as tf

WORD = 32


def bitmap(mask: tf.Tensor) -> tf.Tensor:
    """Returns a mask [R, L] as words [R, ceil(L / 32)] int32, lowest bit first."""
    mask = tf.pad(mask, [[0, 0], [0, -mask.shape[1] % WORD]])
    bits = tf.cast(tf.reshape(mask, [-1, mask.shape[1] // WORD, WORD]), tf.int32)
    return tf.reduce_sum(tf.bitwise.left_shift(bits, tf.range(WORD)), -1)


def set_bits(words: tf.Tensor, count: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns where the first `count` set bits of each row are, ascending, and whether it exists.

    Args:
      words: [R, W] int32.
      count: int, k.

    Returns:
      [R, k] int32, 0 where there are not; [R, k] bool.
    """
    ends = tf.cumsum(ones(words), 1)
    rank = tf.range(count)
    word = tf.reduce_sum(tf.cast(ends[:, None, :] <= rank[:, None], tf.int32), -1)
    valid = word < words.shape[1]
    word = tf.minimum(word, words.shape[1] - 1)
    rank -= tf.gather(ends - ones(words), word, batch_dims=1)
    place = nth_bit(tf.gather(words, word, batch_dims=1), rank)
    return tf.where(valid, word * WORD + place, 0), valid


def nth_bit(words: tf.Tensor, rank: tf.Tensor) -> tf.Tensor:
    """Returns where in each word the set bit is that `rank` set bits precede; 32 if none is."""
    beyond = rank >= ones(words)
    place = tf.zeros_like(words)
    for half in (16, 8, 4, 2, 1):
        below = ones(tf.bitwise.bitwise_and(words, 2**half - 1))
        above = rank >= below
        rank = tf.where(above, rank - below, rank)
        place = tf.where(above, place + half, place)
        words = tf.where(above, tf.bitwise.right_shift(words, half), words)
    return tf.where(beyond, WORD, place)


def bits_below(place: tf.Tensor) -> tf.Tensor:
    """Returns words whose bits below `place`, 0 to 32, are set."""
    some = tf.bitwise.left_shift(tf.ones_like(place), tf.minimum(place, WORD - 1)) - 1
    return tf.where(place < WORD, some, -1)


def ones(words: tf.Tensor) -> tf.Tensor:
    """Returns how many bits of each word are set, int32."""
    return tf.cast(tf.raw_ops.PopulationCount(x=words), tf.int32)
