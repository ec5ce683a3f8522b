"""A logit of its own for each item."""

from __future__ import annotations

import tensorflow as tf

# How far a logit moves while an optimizer that normalizes gradients moves a weight by 1. Some
# hundred updates of 0.001 must take an item's logit as far as click rates differ, by about 2.
REACH = 20.0


@tf.keras.utils.register_keras_serializable("everlong")
class ItemBias(tf.keras.layers.Layer):
    """Adds to a target's logit a number that depends on its item alone, 0 at first.

    The wide part of a wide and deep model (arXiv 1606.07792). How popular an item is would
    otherwise have to be learned through its embedding, which behaviours and targets share, and
    which the attention moves for reasons of its own.

    Args:
      size: int, rows of the item table, padding and unknown included.
    Call arguments:
      items: [B, T] int, item ids.
    Returns:
      [B, T] float32.
    """

    def __init__(self, size: int, **kwargs):
        super().__init__(**kwargs)
        self.size = size
        self.table = self.add_weight(
            name="table", shape=[size, 1], initializer="zeros", experimental_autocast=False
        )

    @property
    def tables(self) -> dict[str, tf.Variable]:
        """The table, whose gradient is sparse."""
        return {"table": self.table}

    def call(self, items: tf.Tensor) -> tf.Tensor:
        return REACH * tf.gather(self.table, items)[..., 0]

    def get_config(self):
        return super().get_config() | {"size": self.size}
