"""Where a training run stands, and the checkpoints from which a killed run goes on."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from typing import Any

import tensorflow as tf


@dataclasses.dataclass
class Progress:
    """All of a run's state that is not in model and optimizer.

    Attributes:
      epoch: the running epoch, from 0; after training, the number of epochs.
      step: steps done in all.
      epoch_step: steps done in the running epoch.
      epoch_loss: sum over the targets of the running epoch.
      epoch_targets: targets of the running epoch.
      targets: targets of the steps that `train_seconds` measures.
      train_seconds: in steps, their input included; without compiling, validation, checkpoints.
      compile_seconds: in steps whose program had to be traced or compiled first.
      seconds: in all.
      curve: one entry per epoch, see `training.json`.
      best: number of the best entry of `curve`.
      resumed_from_step: of the last resumption.
    """

    epoch: int = 0
    step: int = 0
    epoch_step: int = 0
    epoch_loss: float = 0.0
    epoch_targets: int = 0
    targets: int = 0
    train_seconds: float = 0.0
    compile_seconds: float = 0.0
    seconds: float = 0.0
    curve: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    best: int | None = None
    resumed_from_step: int | None = None


class Checkpoints:
    """Saves and restores a run, and keeps the weights of its best epoch.

    Args:
      folder: of this run's checkpoints alone.
      model: built.
      optimizer: built.
      every_seconds: between checkpoints.
    """

    def __init__(
        self,
        folder: str,
        model: tf.keras.Model,
        optimizer: tf.keras.optimizers.legacy.Optimizer,
        every_seconds: float,
    ) -> None:
        self._folder, self._every_seconds = folder, every_seconds
        self._progress = tf.Variable("", trainable=False, dtype=tf.string)
        state = tf.train.Checkpoint(
            model=model,
            optimizer=optimizer,
            progress=self._progress,
            dropout=_random_states(model),
        )
        self._manager = tf.train.CheckpointManager(state, folder, max_to_keep=1)
        self._weights = tf.train.Checkpoint(model=model)
        self._saved_at = time.monotonic()

    def restore(self) -> Progress:
        """Restores the latest checkpoint, if any, and returns where the run stands."""
        if self._manager.latest_checkpoint is None:
            return Progress()
        self._manager.restore_or_initialize()
        progress = Progress(**json.loads(self._progress.numpy()))
        progress.resumed_from_step = progress.step
        return progress

    @property
    def due(self) -> bool:
        """Whether the last checkpoint is old enough for another."""
        return time.monotonic() - self._saved_at >= self._every_seconds

    def save(self, progress: Progress) -> None:
        """Writes a checkpoint; it counts only once it is complete."""
        self._progress.assign(json.dumps(dataclasses.asdict(progress)))
        self._manager.save()
        self._saved_at = time.monotonic()
        for path in tf.io.gfile.glob(self._best("*")):
            if not path.startswith(self._best(progress.best) + "."):
                tf.io.gfile.remove(path)

    def save_best(self, epoch: int) -> None:
        """Keeps the weights of the epoch with that number; `save` removes those of others."""
        self._weights.write(self._best(epoch))

    def restore_best(self, epoch: int) -> None:
        """Puts the weights of that epoch back into the model."""
        self._weights.read(self._best(epoch)).assert_existing_objects_matched()

    def remove(self) -> None:
        """Removes all of them."""
        if tf.io.gfile.exists(self._folder):
            tf.io.gfile.rmtree(self._folder)

    def _best(self, epoch: int | str | None) -> str:
        return os.path.join(self._folder, f"best-{epoch}")


def _random_states(model: tf.keras.Model) -> list[tf.random.Generator]:
    """Returns what dropout draws from, which Keras keeps out of a model's checkpoints."""
    sources = [
        module._random_generator
        for module in model.submodules
        if isinstance(module, tf.keras.__internal__.layers.BaseRandomLayer)
    ]
    for source in sources:
        source._maybe_init()  # of a layer that no call has built yet
    return [source._generator for source in sources]
