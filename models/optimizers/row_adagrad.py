"""Adagrad on the touched rows, as in TWIN's paper."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from models.optimizers.gradients import touched


@tf.keras.utils.register_keras_serializable("everlong")
class RowAdagrad(tf.keras.optimizers.Adagrad):
    """Adagrad, with weight decay of touched rows only.

    For a row with summed gradient `g`: `a = a + g^2`, `w = w - lr g / sqrt(a + epsilon)`; before
    it, `w = w - lr decay w`. The TWIN paper (arXiv 2302.02352) trains its tables with a learning
    rate of 0.05. Sparse gradients touch the rows that they name, where not exactly 0, and no other.

    Args:
      learning_rate: float or `LearningRateSchedule`.
      decay: decoupled weight decay, of touched rows only.
      **kwargs: of `tf.keras.optimizers.Adagrad`.
    """

    def __init__(
        self,
        learning_rate: float | tf.keras.optimizers.schedules.LearningRateSchedule = 0.05,
        decay: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **{"name": "RowAdagrad", "jit_compile": False, **kwargs})
        self.decay = decay

    def update_step(self, gradient: tf.Tensor | tf.IndexedSlices, variable: tf.Variable) -> None:
        """Updates one variable; a sparse gradient names each row once."""
        sparse = isinstance(gradient, tf.IndexedSlices)
        if sparse:
            gradient = touched(gradient)
        if self.decay:
            share = tf.cast(self.learning_rate, variable.dtype) * self.decay
            if sparse:
                rows = tf.gather(variable, gradient.indices)
                variable.scatter_sub(tf.IndexedSlices(share * rows, gradient.indices))
            else:
                variable.assign_sub(share * variable)
        super().update_step(gradient, variable)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return super().get_config() | {"decay": self.decay}
