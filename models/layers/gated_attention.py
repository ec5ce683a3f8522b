"""HSTU's block: causal attention without a softmax, gated point by point."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

LONGEST_GAP = 127  # a bucket for each .301 of ln(gap): what is older shares the last one


class Encoded(NamedTuple):
    """A user's behaviours and targets within a stack of blocks.

    Attributes:
      history: [B, L, D] float, newest first, padding before the newest.
      targets: [B, T, D] float.
    """

    history: tf.Tensor
    targets: tf.Tensor


class Gaps(NamedTuple):
    """How far apart, in behaviours and in time, what may attend lies from what it attends to.

    Attributes:
      steps: [L, L] int32 between behaviours; negative where the second is the later one.
      time: [B, L, L] int32, buckets of the time between behaviours.
      target_steps: [B, T, L] int32 from targets back to behaviours; below 1 where hidden.
      target_time: [B, T, L] int32, buckets of the time from targets back to behaviours.
    """

    steps: tf.Tensor
    time: tf.Tensor
    target_steps: tf.Tensor
    target_time: tf.Tensor

    @classmethod
    def of(cls, time: tf.Tensor, target_time: tf.Tensor, first: tf.Tensor) -> Gaps:
        """Returns the gaps of histories that run newest first.

        Args:
          time: [B, L] int64.
          target_time: [B, T] int64.
          first: [B, T] int32, the newest behaviour that each target sees.
        """
        place = tf.range(tf.shape(time)[1])
        return cls(
            steps=place - place[:, None],
            time=gap_bucket(time[:, :, None] - time[:, None]),
            target_steps=place + 1 - first[..., None],
            target_time=gap_bucket(target_time[..., None] - time[:, None]),
        )


def gap_bucket(gap: tf.Tensor) -> tf.Tensor:
    """Returns `floor(ln(max(1, |gap|)) / 0.301)`, at most `LONGEST_GAP`, int32 (HSTU)."""
    size = tf.cast(tf.maximum(tf.abs(gap), 1), tf.float32)
    return tf.minimum(tf.cast(tf.math.log(size) / 0.301, tf.int32), LONGEST_GAP)


@tf.keras.utils.register_keras_serializable("everlong")
class GatedAttention(tf.keras.layers.Layer):
    """One block of HSTU, over a user's history and, beside it, over each target.

    `U, V, Q, K = SiLU(LN(X) W)`, `A = SiLU(Q K^T + b) / n`, `X + dropout((U * LN(A V)) W_o)` per
    head (Zhai et al., Actions Speak Louder than Words, arXiv 2402.17152, equations 1 to 3), with a
    bias b for the behaviours and for the time in between. A behaviour attends to itself and to what
    was before it; a target to what it sees and to itself, never to another target (GenRank, arXiv
    2505.04180). So a history is encoded once for all its targets, and what a target reads is what
    it would read if it alone were appended to what it sees.

    Deviates from the released code in that n counts what is attended to, there the padded length:
    padding then changes nothing. The LayerNorm behind takes that scale out again.

    Args:
      num_heads: int, H > 0.
      head_dim: int, width of queries, keys and values of a head.
      dropout: float, 0 <= dropout < 1, of what the block adds.
      max_steps: int, behaviours in between that have a bias of their own; more share the last.
    Call arguments:
      encoded: of B users.
      gaps: between them.
    Returns:
      an `Encoded` of the same shapes.
    """

    def __init__(
        self, num_heads: int, head_dim: int, dropout: float = 0.0, max_steps: int = 512, **kwargs
    ):
        super().__init__(**kwargs)
        self.num_heads, self.head_dim = num_heads, head_dim
        self.dropout, self.max_steps = dropout, max_steps
        self.norm = tf.keras.layers.LayerNormalization(epsilon=1e-6, name="norm")
        self.parts = tf.keras.layers.Dense(
            4 * num_heads * head_dim, activation=tf.nn.silu, use_bias=False, name="parts"
        )
        self.value_norm = tf.keras.layers.LayerNormalization(epsilon=1e-6, name="value_norm")
        self.dropout_layer = tf.keras.layers.Dropout(dropout)

    def build(self, input_shape):
        self.output_layer = tf.keras.layers.Dense(input_shape[0][-1], name="output")
        self.steps_bias, self.time_bias = (
            self.add_weight(
                name=name, shape=[size], initializer=tf.keras.initializers.RandomNormal(stddev=0.02)
            )
            for name, size in (("steps", self.max_steps + 1), ("time", LONGEST_GAP + 1))
        )
        super().build(input_shape)

    def call(self, encoded: Encoded, gaps: Gaps, training: bool = False) -> Encoded:
        gate, value, query, key = self._parts(encoded.history)
        of_targets = self._parts(encoded.targets)
        length = tf.shape(key)[2]

        earlier = tf.cast(gaps.steps >= 0, query.dtype)
        scores = tf.matmul(query, key, transpose_b=True) + self._bias(gaps.steps, gaps.time)
        count = tf.cast(length - tf.range(length), query.dtype)[:, None]
        read = tf.matmul(tf.nn.silu(scores) * earlier / count, value)

        own_gate, own_value, own_query, own_key = of_targets
        seen = tf.cast(gaps.target_steps > 0, query.dtype)[:, None]
        scores = tf.matmul(own_query, key, transpose_b=True)
        scores += self._bias(gaps.target_steps, gaps.target_time)
        own = tf.reduce_sum(own_query * own_key, -1, keepdims=True)
        own += tf.cast(self.steps_bias[0] + self.time_bias[0], query.dtype)
        count = tf.reduce_sum(seen, -1, keepdims=True) + 1
        of_history = tf.matmul(tf.nn.silu(scores) * seen, value)
        own_read = (of_history + tf.nn.silu(own) * own_value) / count

        return Encoded(
            encoded.history + self._out(gate, read, training),
            encoded.targets + self._out(own_gate, own_read, training),
        )

    def _parts(self, x: tf.Tensor) -> list[tf.Tensor]:
        """Gates, values, queries and keys [B, H, N, d] of rows [B, N, D]."""
        shape = tf.shape(x)
        parts = tf.reshape(
            self.parts(self.norm(x)), [shape[0], shape[1], 4, self.num_heads, self.head_dim]
        )
        return tf.unstack(tf.transpose(parts, [2, 0, 3, 1, 4]))

    def _bias(self, steps: tf.Tensor, time: tf.Tensor) -> tf.Tensor:
        """The biases [B, 1, N, L], which all heads share."""
        of_steps = tf.gather(self.steps_bias, tf.clip_by_value(steps, 0, self.max_steps))
        return tf.cast(of_steps + tf.gather(self.time_bias, time), self.compute_dtype)[:, None]

    def _out(self, gate: tf.Tensor, read: tf.Tensor, training: bool) -> tf.Tensor:
        """What the block adds, [B, N, D], of gates and of what was read [B, H, N, d]."""

        def joined(x: tf.Tensor) -> tf.Tensor:
            shape = tf.shape(x)
            width = self.num_heads * self.head_dim
            return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [shape[0], shape[2], width])

        gated = joined(gate) * self.value_norm(joined(read))
        return self.dropout_layer(self.output_layer(gated), training=training)

    def get_config(self):
        return super().get_config() | {
            "num_heads": self.num_heads,
            "head_dim": self.head_dim,
            "dropout": self.dropout,
            "max_steps": self.max_steps,
        }
