"""The learning rate over the steps of a run."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf


@tf.keras.utils.register_keras_serializable("everlong")
class WarmupDecay(tf.keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly to a peak, then stays there or falls to 0 at the last step.

    Args:
      peak: the highest learning rate.
      warmup_steps: steps until it is reached; the first step is at `peak / (warmup_steps + 1)`.
      decay: "none", "linear" or "cosine".
      total_steps: the step at which a decay reaches 0.
    """

    def __init__(self, peak: float, warmup_steps: int, decay: str, total_steps: int) -> None:
        self.peak, self.warmup_steps = peak, warmup_steps
        self.decay, self.total_steps = decay, total_steps

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the learning rate at `step`, counted from 0."""
        step = tf.cast(step, tf.float32)
        rise = tf.minimum((step + 1) / (self.warmup_steps + 1), 1.0)
        steps_left = max(self.total_steps - self.warmup_steps, 1)
        done = tf.clip_by_value((step - self.warmup_steps) / steps_left, 0.0, 1.0)
        if self.decay == "linear":
            fall = 1 - done
        elif self.decay == "cosine":
            fall = (1 + tf.cos(math.pi * done)) / 2
        else:
            fall = tf.ones_like(done)
        return self.peak * rise * fall

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            "peak": self.peak,
            "warmup_steps": self.warmup_steps,
            "decay": self.decay,
            "total_steps": self.total_steps,
        }
