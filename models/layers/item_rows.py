"""All items' rows as a service holds them: a table that is read, and never trained."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from models.features import Store

_MOST = 127  # of int8, the same on both sides of 0


class ItemRows(tf.Module):
    """A table of rows, in 4, 2 or 1 bytes a number.

    An int8 row has a scale of its own, which takes its largest number to 127: what is lost is at
    most half a 127th of that. Graphs do not know how many rows there are: those of further items
    take the place of these without another export (`pipeline/items`).

    Args:
      rows: [N, D] float32.
      store: what becomes of a number.

    Attributes:
      store: likewise.
      parts: the variables that hold them, by name.
    """

    def __init__(self, rows: np.ndarray, store: Store = "float32") -> None:
        super().__init__(name="item_rows")
        self.store = store
        self.parts = {
            name: tf.Variable(part, trainable=False, name=name, shape=[None, *part.shape[1:]])
            for name, part in stored(rows, store).items()
        }

    def __call__(self, ids: tf.Tensor) -> tf.Tensor:
        """Returns the rows of ids [...], [..., D] float32."""
        return self._restored(lambda part: tf.gather(part, ids))

    def all(self) -> tf.Tensor:
        """Returns all rows, [N, D] float32."""
        return self._restored(lambda part: part.read_value())

    @property
    def count(self) -> tf.Tensor:
        """N."""
        return tf.shape(self.parts["rows"])[0]

    def _restored(self, read: Callable[[tf.Variable], tf.Tensor]) -> tf.Tensor:
        rows = tf.cast(read(self.parts["rows"]), tf.float32)
        return rows if self.store != "int8" else rows * read(self.parts["scales"])


def stored(rows: np.ndarray, store: Store) -> dict[str, np.ndarray | tf.Tensor]:
    """Returns the variables that hold rows [N, D] float32: `rows`, and of int8 `scales` [N, 1]."""
    if store == "float32":
        return {"rows": rows}
    if store == "bfloat16":
        return {"rows": tf.cast(rows, tf.bfloat16)}
    scales = np.abs(rows).max(1, keepdims=True).astype(np.float32) / _MOST
    whole = np.rint(rows / np.maximum(scales, np.finfo(np.float32).tiny))
    return {"rows": whole.astype(np.int8), "scales": scales}
