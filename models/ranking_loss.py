"""A loss on the order of one user's targets."""

from __future__ import annotations

import tensorflow as tf


def ranking_loss(logits: tf.Tensor, labels: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """Returns the pairwise logistic loss between a user's clicked and skipped targets.

    `mean over pairs of log(1 + exp(s_skipped - s_clicked))`, averaged over users by their targets,
    as GAUC averages AUC, of which it is the smooth bound. Cross-entropy alone mostly learns what
    tells users apart. Pairs within a group beside a pointwise loss: D. Sculley, Combined Regression
    and Ranking (KDD 2010). Targets of a user share a batch, so the pairs cost one [T, T] matrix.

    Args:
      logits: [B, T] float32.
      labels: [B, T] float32, 0 or 1.
      valid: [B, T] float32, 1 for targets, 0 for padding.

    Returns:
      [] float32; users without a pair count as 0.
    """
    clicked, skipped = labels * valid, (1 - labels) * valid
    pairs = clicked[:, :, None] * skipped[:, None, :]
    losses = tf.nn.softplus(logits[:, None, :] - logits[:, :, None])
    of_user = tf.math.divide_no_nan(
        tf.reduce_sum(pairs * losses, [1, 2]), tf.reduce_sum(pairs, [1, 2])
    )
    targets = tf.reduce_sum(valid, 1)
    return tf.math.divide_no_nan(tf.reduce_sum(of_user * targets), tf.reduce_sum(targets))
