"""`models.metrics` as a Keras metric: exact, and the same numbers as everywhere else."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from models.metrics import Predictions

_NAMES = tuple(Predictions.merge([]).metrics())


@tf.keras.utils.register_keras_serializable("everlong")
class CtrMetric(tf.keras.metrics.Metric):
    """One of `models.metrics` over all predictions since the last reset.

    The state is the predictions themselves, on the host: exact AUC and GAUC need them all.

    Args:
      name: of `Predictions.metrics`, such as "auc", "gauc" or "calibration".

    Raises:
      ValueError: for an unknown name.

    Example:
      ```python
      metric = CtrMetric("gauc")
      metric.update_state(labels, scores, users=users)
      float(metric.result())
      ```
    """

    def __init__(self, name: str = "auc", dtype: str | None = None):
        if name not in _NAMES:
            raise ValueError(f"`name` must be of {list(_NAMES)}. Received: {name!r}")
        super().__init__(name=name, dtype=dtype)
        self._parts: list[Predictions] = []

    def update_state(
        self,
        y_true: tf.Tensor,
        y_pred: tf.Tensor,
        sample_weight: tf.Tensor | None = None,
        users: tf.Tensor | None = None,
    ) -> tf.Operation:
        """Adds predictions.

        Args:
          y_true: labels in [0, 1], of any shape with N values.
          y_pred: probabilities, likewise.
          sample_weight: likewise, or None for ones.
          users: likewise, whose predictions they are; None: all of one user.
        """

        def add(labels: np.ndarray, scores: np.ndarray, *rest: np.ndarray) -> np.int64:
            rest = list(rest)
            weights = None if sample_weight is None else rest.pop(0).ravel()
            whose = np.zeros(labels.size, np.int64) if users is None else rest.pop(0).ravel()
            self._parts.append(Predictions(labels.ravel(), scores.ravel(), whose, weights))
            return np.int64(0)

        given = [x for x in (y_true, y_pred, sample_weight, users) if x is not None]
        return tf.numpy_function(add, given, tf.int64)

    def result(self) -> tf.Tensor:
        """The metric; NaN where the predictions do not define it."""

        def compute() -> np.float32:
            return np.float32(Predictions.merge(self._parts).metrics()[self.name])

        return tf.reshape(tf.numpy_function(compute, [], tf.float32), [])

    def reset_state(self) -> None:
        """Forgets all predictions."""
        self._parts = []
