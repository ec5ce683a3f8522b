"""What a target may see of its user's history.

Inside the models a history runs **newest first**: index 0 is the last slot of the padded history.
Equal scores, which `top_k` resolves toward the lower index, so go to the more recent behaviour.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from models.layers.xla_jit import xla_jit


@xla_jit
def ones_between(first: tf.Tensor, stop: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """Returns 1 where `first <= index < stop`, else 0, of `like`'s type and length.

    Args:
      first, stop: [..., 1] int32.
      like: [L].

    Returns:
      [..., L].
    """
    index = tf.range(tf.shape(like)[0])
    return tf.cast((index >= first) & (index < stop), like.dtype)


class Window(NamedTuple):
    """A contiguous stretch of the newest-first history for each target.

    Attributes:
      first: [B, T] int32, index of its newest behaviour.
      stop: [B, T] int32, one past its oldest behaviour; equal to `first` where it is empty.
    """

    first: tf.Tensor
    stop: tf.Tensor

    @classmethod
    def of(cls, begin: tf.Tensor, end: tf.Tensor, length: tf.Tensor | int) -> Window:
        """Returns the window of `history[begin:end]`, positions that count from the oldest.

        Args:
          begin: [B, T] int32.
          end: [B, T] int32.
          length: L, the padded length of the history.
        """
        end = tf.clip_by_value(end, 0, length)
        begin = tf.clip_by_value(begin, 0, end)
        return cls(length - end, length - begin)

    @property
    def size(self) -> tf.Tensor:
        """[B, T] int32."""
        return self.stop - self.first

    def newest(self, count: int) -> Window:
        """Returns the window of the newest `count` behaviours of this one."""
        return Window(self.first, tf.minimum(self.stop, self.first + count))

    def mask(self, length: tf.Tensor | int) -> tf.Tensor:
        """Returns the window as a mask, [B, T, `length`] bool."""
        return self.holds(tf.range(length))

    def holds(self, places: tf.Tensor) -> tf.Tensor:
        """Returns which of `places`, int32 [B, M] or [M], lie in the window, [B, T, M] bool."""
        places = places[..., None, :]
        return (places >= self.first[..., None]) & (places < self.stop[..., None])

    def stretch(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the stretch that holds the windows of all of a user's targets.

        Returns:
          int32 [B, 1], where it begins, and the length of the longest user's, at least 1.
        """
        some = self.size > 0
        begin = tf.reduce_min(tf.where(some, self.first, self.first.dtype.max), 1, keepdims=True)
        end = tf.reduce_max(tf.where(some, self.stop, 0), 1, keepdims=True)
        begin = tf.minimum(begin, end)
        return begin, tf.maximum(tf.reduce_max(end - begin), 1)

    def select(self, count: int) -> Selection:
        """Returns the newest `count` behaviours of the window, newest first."""
        positions = self.first[..., None] + tf.range(count)
        valid = positions < self.stop[..., None]
        return Selection(tf.where(valid, positions, 0), valid)


class Selection(NamedTuple):
    """Behaviours chosen for each target, newest first; what is not valid goes last.

    Attributes:
      positions: [B, T, K] int32, indices into the newest-first history; 0 where not `valid`.
      valid: [B, T, K] bool; False where fewer than K were found.
    """

    positions: tf.Tensor
    valid: tf.Tensor

    def mask(self, length: tf.Tensor | int) -> tf.Tensor:
        """Returns the chosen as a mask, [B, T, `length`] bool."""
        return _mask(*self, tf.zeros([length]))

    def newest_first(self) -> Selection:
        """Returns the same choice in the order that a selection keeps, from any order."""
        places = tf.where(self.valid, -tf.cast(self.positions, tf.float32), tf.float32.min)
        places, _ = tf.math.top_k(places, self.positions.shape[-1])
        valid = places > tf.float32.min
        return Selection(tf.where(valid, tf.cast(-places, tf.int32), 0), valid)

    def oldest_first(self) -> Selection:
        """Returns the same choice in time order, oldest first; what is not valid goes last."""
        return Selection(*_turned(*self))


@xla_jit
def _mask(positions: tf.Tensor, valid: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """Returns which of `like` [L] are at a valid one of positions [B, T, K], [B, T, L] bool."""
    shape, length = tf.shape(positions), tf.shape(like)[0]
    rows = shape[0] * shape[1]
    offsets = tf.reshape(tf.range(rows) * length, [shape[0], shape[1], 1])
    hits = tf.scatter_nd(
        tf.reshape(positions + offsets, [-1, 1]),
        tf.reshape(tf.cast(valid, like.dtype), [-1]),
        [rows * length],
    )
    return tf.reshape(hits > 0, [shape[0], shape[1], length])


@xla_jit
def _turned(positions: tf.Tensor, valid: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the valid positions [..., K] from the last, and which are valid."""
    found = tf.reduce_sum(tf.cast(valid, tf.int32), -1, keepdims=True)
    place = found - 1 - tf.range(positions.shape[-1])
    positions = tf.gather(positions, tf.maximum(place, 0), batch_dims=positions.shape.rank - 1)
    return tf.where(place >= 0, positions, 0), place >= 0


def attention_mask_bias(mask: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Returns what, added to scores, hides from a softmax what is not in `mask`: 0 where it is.

    An addition has no gradient to compute, where a choice has one. Half of the least number: the
    whole would overflow in half precision.

    Args:
      mask: bool, of any shape.
      dtype: of the scores.
    """
    return tf.where(mask, tf.zeros([], dtype), dtype.min / 2)
