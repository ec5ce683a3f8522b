"""Retrieved behaviours, position encoding added, before anything is computed on them."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from models.layers.gather import gather_plus
from models.layers.linear import times


class Subsequence(NamedTuple):
    """K behaviours for each target, `x = behaviors + phi W`, kept in factors.

    What comes next is linear, so it may act on a user's behaviours once, before they are gathered
    for every target.

    Attributes:
      rows: [N, D] float, behaviours of all users, the last of zeros; or [B, T, K, D], gathered,
        zero where not valid.
      index: [B, T, K] int32, into `rows`, N - 1 where not valid; None of gathered rows.
      phi: [B, T, K, F] float, of few F, zero where not valid.
      weights: [F, D] float.
      valid: [B, T, K] bool.
    """

    rows: tf.Tensor
    index: tf.Tensor | None
    phi: tf.Tensor
    weights: tf.Tensor
    valid: tf.Tensor

    def times(self, kernel: tf.Tensor, addend: tf.Tensor | float = 0.0) -> tf.Tensor:
        """Returns `x @ kernel + addend`, [B, T, K, E], of a kernel [D, E]."""
        weights = tf.matmul(self.weights, kernel)
        if self.index is None:
            both = tf.concat([self.rows, self.phi], -1)
            return times(both, tf.concat([kernel, weights], 0)) + addend
        addend = tf.convert_to_tensor(addend, kernel.dtype)
        return gather_plus(tf.matmul(self.rows, kernel), self.index, self.phi, weights, addend)
