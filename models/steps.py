"""The compiled steps of training and validation."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Literal

import tensorflow as tf

from models import features
from models.optimizers import clip_by_global_norm

if TYPE_CHECKING:
    from models.base import CtrModel

Batch = dict[str, tf.Tensor]


def has_gpu() -> bool:
    """Whether TensorFlow sees a GPU."""
    return bool(tf.config.list_physical_devices("GPU"))


class Steps:
    """One training step and one validation step, compiled for the device and each batch's shape.

    Args:
      model: built.
      optimizer: built.
      jit_compile: "on", "off", or "auto": XLA on a GPU. On a CPU the plain graph is faster.
      clip_norm: global gradient norm above which gradients are scaled down; None: never.

    Attributes:
      jit_compile: whether XLA compiles the steps.
    """

    def __init__(
        self,
        model: CtrModel,
        optimizer: tf.keras.optimizers.legacy.Optimizer,
        jit_compile: Literal["auto", "on", "off"],
        clip_norm: float | None,
    ) -> None:
        self._model, self._optimizer, self._clip_norm = model, optimizer, clip_norm
        self.jit_compile = {"auto": has_gpu(), "on": True, "off": False}[jit_compile]
        # No layer branches on values: nothing needs converting, which takes longer than tracing.
        graph = functools.partial(tf.function, jit_compile=self.jit_compile, autograph=False)
        self._train, self._predict = graph(self._train_step), graph(self._predict_step)

    @property
    def programs(self) -> int:
        """Programs traced or compiled so far."""
        return sum(f.experimental_get_tracing_count() for f in (self._train, self._predict))

    def train(self, batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
        """Updates the weights; returns the summed cross-entropy and the number of targets, []."""
        return self._train(batch)

    def predict(self, batch: Batch) -> tf.Tensor:
        """Returns probabilities, [B, T, labels], the primary label's first."""
        return self._predict(batch)

    def _train_step(self, batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
        variables = self._model.trainable_variables
        with tf.GradientTape() as tape:
            cross_entropy, loss = self._model.losses_of(batch, training=True)
        gradients = tape.gradient(loss, variables)
        if self._clip_norm is not None:
            gradients = clip_by_global_norm(gradients, self._clip_norm)
        self._optimizer.apply_gradients(zip(gradients, variables, strict=True))
        count = tf.reduce_sum(tf.cast(batch[features.TARGET_VALID], tf.int32))
        return cross_entropy * tf.cast(count, cross_entropy.dtype), count

    def _predict_step(self, batch: Batch) -> tf.Tensor:
        return tf.sigmoid(tf.cast(self._model.label_logits(batch, training=False), tf.float32))
