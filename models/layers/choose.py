"""The k best of long rows, exactly and without sorting, in the order of their positions.

`tf.math.top_k` keeps a heap, which a row of any length updates some k ln(L / k) times, one
behaviour at a time. Here a row's k-th largest score is bisected, all rows at once, and positions
are read off a bitmap: passes of compares and counts, which XLA turns into a few vectorized loops.
Of long rows only the largest scores of blocks are kept, and the scores themselves read again in the
best blocks.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import tensorflow as tf

from models.layers.bitmap import bitmap, bits_below, nth_bit, ones, set_bits
from models.layers.xla_jit import xla_jit

NEVER = tf.float32.min  # the score of what must not be chosen
LEAST = tf.int32.min  # its key
LANES = 16  # int32 in a vector register
SMALLEST_BLOCK = 4


def choose(
    scores: tf.Tensor, first: tf.Tensor, stop: tf.Tensor, count: int, integer_scores: bool = False
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns where the `count` largest scores of each row are, of those within its window.

    Equal scores go to the lower position; `NEVER` is not chosen.

    Args:
      scores: [R, L] float32, static L >= count.
      first, stop: [R, 1] int32, what may be chosen: first <= position < stop.
      count: int, k.
      integer_scores: bool; whether all scores are whole numbers, which takes less time.

    Returns:
      positions [R, k] int32, ascending, 0 after the last; keys [R, k] int32, in the order of their
      scores, `LEAST` after the last.
    """
    return _choose(scores, first, stop, count, _integer_keys if integer_scores else _keys)


def block_size(length: int, count: int) -> int:
    """Returns the power of two b with about as many maxima, L / b, as behaviours in k blocks."""
    return 2 ** round(math.log2(length / count) / 2)


def _choose(values, first, stop, count: int, to_keys: Callable) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns what `choose` does, of values [R, L] that `to_keys` turns into int32."""
    length = values.shape[1]
    block = block_size(length, count)
    if block < SMALLEST_BLOCK:
        return _among_all(count)(_visible(to_keys)(values, first, stop))
    # A key of the top k lies in a block whose maximum is at least as large, and fewer than k
    # blocks come before it: by the same rule for ties, the k best blocks hold the k best keys.
    if length % block:
        values = tf.pad(values, [[0, 0], [0, -length % block]])
    maxima = _maxima(to_keys, block)(values, first, stop)
    everywhere = tf.zeros_like(first), tf.fill(tf.shape(stop), maxima.shape[1])
    best, maxima = _choose(maxima, *everywhere, count, _same)
    blocks = tf.reshape(values, [-1, values.shape[1] // block, block])
    # Programs of their own: in one, XLA would gather again for each of its loops.
    candidates = _within_blocks(to_keys)(blocks, best, maxima, first, stop)
    place, keys = _among_all(count)(candidates)
    return _position(block)(best, place, keys), keys


@functools.cache
def _among_all(count: int) -> Callable:
    def among(keys):
        place, found = largest(keys, count)
        return place, tf.where(found, tf.gather(keys, place, batch_dims=1), LEAST)

    return xla_jit(among)


@functools.cache
def _visible(to_keys: Callable) -> Callable:
    return xla_jit(
        lambda values, first, stop: _masked(to_keys, values, tf.range(values.shape[1]), first, stop)
    )


@functools.cache
def _maxima(to_keys: Callable, block: int) -> Callable:
    def maxima(values, first, stop):
        keys = _masked(to_keys, values, tf.range(values.shape[1]), first, stop)
        return tf.reduce_max(tf.reshape(keys, [-1, keys.shape[1] // block, block]), -1)

    return xla_jit(maxima)


@functools.cache
def _within_blocks(to_keys: Callable) -> Callable:
    def within(blocks, best, maxima, first, stop):
        index = best[..., None] * blocks.shape[2] + tf.range(blocks.shape[2])
        values = tf.gather(blocks, best, batch_dims=1)
        keys = _masked(to_keys, values, index, first[..., None], stop[..., None])
        keys = tf.where(maxima[..., None] > LEAST, keys, LEAST)
        return tf.reshape(keys, [-1, best.shape[1] * blocks.shape[2]])

    return xla_jit(within)


@functools.cache
def _position(block: int) -> Callable:
    def position(best, place, keys):
        begin = tf.gather(best, place // block, batch_dims=1) * block
        return tf.where(keys > LEAST, begin + place % block, 0)

    return xla_jit(position)


def _masked(to_keys: Callable, values, index, first, stop) -> tf.Tensor:
    """Returns the keys of `values`, `LEAST` of what must not be chosen."""
    chosen = values > (NEVER if values.dtype.is_floating else LEAST)
    return tf.where((index >= first) & (index < stop) & chosen, to_keys(values), LEAST)


def _keys(scores: tf.Tensor) -> tf.Tensor:
    """Returns int32 in the order of float32: the bits, all but the sign flipped where it is set."""
    bits = tf.bitcast(tf.where(scores == 0, 0.0, scores), tf.int32)  # -0 equals 0
    return tf.where(bits < 0, tf.bitwise.bitwise_xor(bits, tf.int32.max), bits)


def _integer_keys(scores: tf.Tensor) -> tf.Tensor:
    return tf.cast(scores, tf.int32)


def _same(keys: tf.Tensor) -> tf.Tensor:
    return keys


def largest(keys: tf.Tensor, count: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns where the `count` largest of each row are; of equals, the first; `LEAST` never.

    Args:
      keys: [R, L] int32, static L >= count.
      count: int, k.

    Returns:
      [R, k] int32, ascending, 0 where there are not so many; [R, k] bool, where there are.
    """
    return set_bits(_largest(keys, count), count)


def _largest(keys: tf.Tensor, count: int) -> tf.Tensor:
    """Returns which are the `count` largest of each row, as a bitmap [R, L / 32] int32."""
    least = _threshold(keys, count)[:, None]
    above = bitmap(keys > least)
    kept = count - tf.reduce_sum(ones(above), 1, keepdims=True)
    equal = bitmap((keys == least) & (keys > LEAST))
    before = tf.cumsum(ones(equal), 1, exclusive=True)
    end = nth_bit(equal, tf.maximum(kept - before, 0))
    return tf.bitwise.bitwise_or(above, tf.bitwise.bitwise_and(equal, bits_below(end)))


def _threshold(keys: tf.Tensor, count: int) -> tf.Tensor:
    """Returns for each row of keys [R, L] a key that `count` of them reach, or as few more as can.

    The bisection begins at the least of `count` maxima of different parts, which so many reach, and
    ends early where exactly `count` do.
    """
    length = keys.shape[1]
    parts = tf.reshape(keys[:, : length - length % count], [-1, length // count, count])
    low = tf.reduce_min(tf.reduce_max(parts, 1), 1)
    high = tf.minimum(tf.reduce_max(keys, 1), tf.int32.max - 1) + 1

    def halve(low, high, done):
        middle = _middle(low, high)
        reached = _count(keys, middle)
        enough = reached >= count
        low, high = tf.where(enough, middle, low), tf.where(enough, high, middle)
        return low, high, done | (reached == count) | (_middle(low, high) == low)

    low, _, _ = tf.while_loop(
        lambda low, high, done: ~tf.reduce_all(done),
        halve,
        (low, high, _middle(low, high) == low),
    )
    return low


def _count(keys: tf.Tensor, least: tf.Tensor) -> tf.Tensor:
    """Returns how many keys [R, L] reach `least` [R].

    Written out by lanes, for XLA on CPU: it does not vectorize a sum along the last axis.
    """
    if tf.executing_eagerly():
        return tf.reduce_sum(tf.cast(keys >= least[:, None], tf.int32), 1)
    lanes = LANES if keys.shape[1] >= LANES else 1
    whole = keys.shape[1] // lanes * lanes
    parts = [keys[:, start : start + lanes] for start in range(0, whole, lanes)]
    reached = sum(tf.cast(part >= least[:, None], tf.int32) for part in parts)
    rest = tf.cast(keys[:, whole:] >= least[:, None], tf.int32)
    return tf.reduce_sum(reached, 1) + tf.reduce_sum(rest, 1)


@xla_jit
def ranks(keys: tf.Tensor) -> tf.Tensor:
    """Returns the rank from 0 of each key [R, K] in its row; equal ones in the order they have."""
    count = keys.shape[1]
    after = tf.cast(tf.range(count)[:, None] < tf.range(count), tf.int32)  # of equals, it is later
    return sum(
        tf.cast(keys[:, place, None] > keys - after[place], tf.int32) for place in range(count)
    )


def _middle(low: tf.Tensor, high: tf.Tensor) -> tf.Tensor:
    """Returns (low + high) // 2, whose sum may exceed int32."""
    return tf.bitwise.bitwise_and(low, high) + tf.bitwise.right_shift(
        tf.bitwise.bitwise_xor(low, high), 1
    )
