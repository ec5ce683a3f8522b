"""A search for the behaviours that get most of the attention, all heads taken together."""

from __future__ import annotations

import tensorflow as tf

from models.layers.search import ConsistentSearch
from models.layers.visibility import Selection, Window
from models.layers.xla_jit import xla_jit


@tf.keras.utils.register_keras_serializable("everlong")
class MassSearch(ConsistentSearch):
    """The K behaviours of the largest mean, over the heads, of `softmax(alpha_h)`.

    Softmax is over all that a target sees: no other K keep more of the attention that an exact
    search unit would give without any search, so nothing follows the paper's walk over the heads'
    lists (TWIN, arXiv 2302.02352, section 4.3), which reads as far in the list of a head that
    hardly tells behaviours apart as in that of one that does.

    Args:
      count: int, K.
    Call arguments: as `ConsistentSearch`'s.
    """

    def __init__(self, count: int, **kwargs):
        super().__init__(count, per_head=True, **kwargs)

    def pick(self, scores: tf.Tensor, window: Window) -> Selection:
        """Returns the K of most attention, of relevance [B, T, H, L]."""
        # To `best`, by way of one list.
        return super().pick(log_mass(scores, *window)[:, :, None], window)

    def get_config(self):
        config = super().get_config()
        del config["per_head"]
        return config


@xla_jit
def log_mass(scores: tf.Tensor, first: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
    """Returns the logarithm of each behaviour's share of the attention, summed over the heads.

    Of shares themselves those below 1e-38 would be 0, and equal.

    Args:
      scores: [B, T, H, L], relevance.
      first, stop: [B, T] int32, the window that each target sees.

    Returns:
      [B, T, L]; very small of what is not seen.
    """
    index = tf.range(tf.shape(scores)[-1])
    seen = (index >= first[..., None, None]) & (index < stop[..., None, None])
    hidden = tf.constant(scores.dtype.min / 2, scores.dtype)  # the whole would overflow in a sum
    return tf.reduce_logsumexp(tf.nn.log_softmax(tf.where(seen, scores, hidden)), 2)
