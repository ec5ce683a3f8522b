"""A loss on the order of targets that were shown together."""

from __future__ import annotations

import tensorflow as tf


def ranking_loss(
    logits: tf.Tensor, labels: tf.Tensor, valid: tf.Tensor, requests: tf.Tensor
) -> tf.Tensor:
    """Returns the pairwise logistic loss between the clicked and skipped targets of a request.

    `mean over a user's pairs of log(1 + exp(s_skipped - s_clicked))`, averaged over users by their
    targets in requests that have both, as GAUC averages AUC, of which it is the smooth bound.
    Cross-entropy alone mostly learns what tells users apart. Pairs within a group beside a
    pointwise loss: D. Sculley, Combined Regression and Ranking (KDD 2010). Targets of a user share
    a batch, so the pairs cost one [T, T] matrix.

    Pairs of all targets of a user, which this loss once had, teach a model to cheat: a later target
    sees the labels of earlier ones, so "fewer clicks than usual so far" tells which of two targets
    at different times was clicked (`lists`). On random labels such a model had a GAUC of .65.

    Args:
      logits: [B, T] float32.
      labels: [B, T] float32, 0 or 1.
      valid: [B, T] float32, 0 for padding, else a target's weight: that of a pair is the product.
      requests: [B, T] integers, equal within a user for what was shown together.

    Returns:
      [] float32; users without a pair count as nothing, and without any pair it is 0.
    """
    clicked, skipped = labels * valid, (1 - labels) * valid
    together = tf.cast(requests[:, :, None] == requests[:, None, :], logits.dtype)
    pairs = clicked[:, :, None] * skipped[:, None, :] * together
    losses = tf.nn.softplus(logits[:, None, :] - logits[:, :, None])
    of_user = tf.math.divide_no_nan(
        tf.reduce_sum(pairs * losses, [1, 2]), tf.reduce_sum(pairs, [1, 2])
    )
    paired = tf.reduce_max(pairs, 2) + tf.reduce_max(pairs, 1)  # a target is clicked or skipped
    targets = tf.reduce_sum(paired, 1)
    return tf.math.divide_no_nan(tf.reduce_sum(of_user * targets), tf.reduce_sum(targets))
