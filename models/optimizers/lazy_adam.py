"""Adam that leaves alone the rows of a table that a batch does not touch."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from models.optimizers.gradients import touched


@tf.keras.utils.register_keras_serializable("everlong")
class LazyAdam(tf.keras.optimizers.Optimizer):
    """Adam on the touched rows of embedding tables.

    For a row with summed gradient `g` that is touched for the `t`-th time:
    `m = b1 m + (1 - b1) g`, `v = b2 v + (1 - b2) g^2`,
    `w = w - lr (sqrt(1 - b2^t) / (1 - b1^t)) m / (sqrt(v) + epsilon) - lr decay w`.

    Deviates from Adam (Kingma and Ba, arXiv 1412.6980) in that the moments of other rows do not
    decay, nor do those rows move: a step costs O(touched rows), not O(table). So a row's bias is
    corrected by its own count: by the optimizer's, a row that is first touched late would move by
    3.2 learning rates at once. Rows that a batch names repeatedly are summed first (by the base
    class); a gradient of exactly 0 does not touch its row. A dense gradient touches every row.

    Args:
      learning_rate: float or `LearningRateSchedule`.
      beta_1: decay of the first moment.
      beta_2: decay of the second moment.
      epsilon: added to the root of the second moment.
      decay: decoupled weight decay, of touched rows only.
      name: of the optimizer.
      **kwargs: of the base class, which has a `weight_decay` of its own, on whole tables.
    """

    def __init__(
        self,
        learning_rate: float | tf.keras.optimizers.schedules.LearningRateSchedule = 1e-3,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        decay: float = 0.0,
        name: str = "LazyAdam",
        **kwargs: Any,
    ) -> None:
        # None, for the base class would even subtract 0 times the whole table.
        super().__init__(name=name, **{"weight_decay": None, "jit_compile": False, **kwargs})
        self._learning_rate = self._build_learning_rate(learning_rate)
        self.beta_1, self.beta_2, self.epsilon, self.decay = beta_1, beta_2, epsilon, decay

    def build(self, var_list: list[tf.Variable]) -> None:
        """Creates two moments for each variable, and a count for each of its rows."""
        super().build(var_list)
        if getattr(self, "_built", False):
            return
        self._built = True
        self._first = [self.add_variable_from_reference(v, "m") for v in var_list]
        self._second = [self.add_variable_from_reference(v, "v") for v in var_list]
        self._count = [
            self.add_variable_from_reference(v, "count", [v.shape[0]] + [1] * (v.shape.rank - 1))
            for v in var_list
        ]

    def update_step(self, gradient: tf.Tensor | tf.IndexedSlices, variable: tf.Variable) -> None:
        """Updates one variable; a sparse gradient names each row once."""
        index = self._index_dict[self._var_key(variable)]
        first, second, count = self._first[index], self._second[index], self._count[index]
        dtype = variable.dtype
        rate = tf.cast(self.learning_rate, dtype)
        beta_1, beta_2 = tf.cast(self.beta_1, dtype), tf.cast(self.beta_2, dtype)

        sparse = isinstance(gradient, tf.IndexedSlices)
        if sparse:
            gradient = touched(gradient)
        values = gradient.values if sparse else gradient

        def read(table: tf.Variable) -> tf.Tensor:
            return tf.gather(table, gradient.indices) if sparse else table.value()

        def write(table: tf.Variable, rows: tf.Tensor) -> None:
            if sparse:
                table.scatter_update(tf.IndexedSlices(rows, gradient.indices))
            else:
                table.assign(rows)

        step = read(count) + 1
        scale = rate * tf.sqrt(1 - beta_2**step) / (1 - beta_1**step)
        m = read(first) * beta_1 + values * (1 - beta_1)
        v = read(second) * beta_2 + tf.square(values) * (1 - beta_2)
        weights = read(variable) * (1 - rate * self.decay)
        write(count, step)
        write(first, m)
        write(second, v)
        write(variable, weights - scale * m / (tf.sqrt(v) + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return super().get_config() | {
            "learning_rate": self._serialize_hyperparameter(self._learning_rate),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "decay": self.decay,
        }
