"""A search by hash codes that returns fewer than K behaviours rather than unlike ones."""

from __future__ import annotations

import tensorflow as tf

from models.layers.bitmap import bitmap, set_bits
from models.layers.search import HammingSearch
from models.layers.visibility import Selection, Window
from models.layers.xla_jit import xla_jit


@tf.keras.utils.register_keras_serializable("everlong")
class AgreementSearch(HammingSearch):
    """Of the K behaviours whose codes agree in most bits, those about as near as the nearest.

    K is a number that no query knows: where fewer behaviours belong to it, the rest of the K belong
    to something else, and a mean over them, as MIRRN's (arXiv 2411.15005), is mostly of that.
    Deviates from the paper, which keeps all K.

    Args:
      count: int, K.
      margin: float, in bits: one that agrees in that many fewer than the best is kept.
    Call arguments: as `HammingSearch`'s.
    """

    def __init__(self, count: int, margin: float, **kwargs):
        super().__init__(count, **kwargs)
        self.margin = margin

    def pick(self, scores: tf.Tensor, window: Window) -> Selection:
        found = super().pick(scores, window)
        # Outside of the program, which would gather anew for each of its loops.
        agreement = tf.gather(scores, found.positions, batch_dims=found.positions.shape.rank - 1)
        # A bit that differs takes 2 off a score.
        return Selection(*_near_best(*found, agreement, tf.constant(2.0 * self.margin)))

    def get_config(self):
        return super().get_config() | {"margin": self.margin}


@xla_jit
def _near_best(positions, valid, scores, margin):
    """Returns the positions [..., K] of the best and of what is within `margin` of it."""
    count = positions.shape[-1]
    scores = tf.where(valid, tf.cast(scores, tf.float32), tf.float32.min)
    near = valid & (scores >= tf.reduce_max(scores, -1, keepdims=True) - margin)
    place, kept = set_bits(bitmap(tf.reshape(near, [-1, count])), count)
    found = tf.gather(tf.reshape(positions, [-1, count]), place, batch_dims=1)
    shape = tf.shape(positions)
    return tf.reshape(tf.where(kept, found, 0), shape), tf.reshape(kept, shape)
