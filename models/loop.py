"""The training loop: epochs, validation, early stopping, checkpoints, progress."""

from __future__ import annotations

import logging
import time

import numpy as np
import tensorflow as tf

from models import features, metrics
from models.buckets import BatchShape
from models.checkpoints import Checkpoints, Progress
from models.inputs import Split
from models.steps import Steps
from models.training_config import EarlyStoppingConfig, TrainingConfig

LOG_SECONDS = 5.0

log = logging.getLogger("everlong")


class TrainingLoop:
    """Trains a model to the end of its last epoch, its last step, or until it no longer improves.

    Args:
      config: of the training.
      seed: of the order of the examples.
      steps: compiled for the model that is trained.
      train: the split to train on.
      validation: the split that is scored after every epoch.
      shapes: of the batches.
      checkpoints: restored from at the start, if there are any.
      summaries: TensorBoard's writer.
    """

    def __init__(
        self,
        config: TrainingConfig,
        seed: int,
        steps: Steps,
        train: Split,
        validation: Split,
        shapes: list[BatchShape],
        checkpoints: Checkpoints,
        summaries: tf.summary.SummaryWriter,
    ) -> None:
        self._config, self._seed, self._steps = config, seed, steps
        self._train, self._validation, self._shapes = train, validation, shapes
        self._checkpoints, self._summaries = checkpoints, summaries
        self._epoch_steps = train.steps(shapes)
        self._total_steps = total_steps(config, self._epoch_steps)
        self._pending: list[tuple[tf.Tensor, tf.Tensor]] = []
        self._mark = 0.0  # when what is pending began

    def run(self) -> Progress:
        """Trains; returns where the run stands at its end."""
        progress = self._checkpoints.restore()
        if progress.resumed_from_step is not None:
            log.info("resuming from the checkpoint of step %d", progress.step)
        started = time.monotonic() - progress.seconds
        while progress.step < self._total_steps and not self._stale(progress):
            self._run_epoch(progress, started)
            self._end_epoch(progress)
            progress.seconds = time.monotonic() - started
            self._checkpoints.save(progress)
        if progress.best is not None and progress.best != progress.epoch:
            log.info("restoring the weights of epoch %d, the best", progress.best)
            self._checkpoints.restore_best(progress.best)
        return progress

    def _run_epoch(self, progress: Progress, started: float) -> None:
        """Trains on what is left of the running epoch."""
        seed = (self._seed, progress.epoch)
        for dataset, _ in self._train.batches(self._shapes, seed, progress.epoch_step):
            self._mark = time.monotonic()
            for batch in dataset:
                programs = self._steps.programs
                self._pending.append(self._steps.train(batch))
                progress.step += 1
                progress.epoch_step += 1
                if self._steps.programs != programs:
                    self._drain(progress, measured=False)
                elif time.monotonic() - self._mark > LOG_SECONDS:
                    self._drain(progress, measured=True)
                    self._report(progress)
                if self._checkpoints.due:
                    self._drain(progress, measured=True)
                    progress.seconds = time.monotonic() - started
                    self._checkpoints.save(progress)
                    self._mark = time.monotonic()
                if progress.step >= self._total_steps:
                    break
            self._drain(progress, measured=True)
            if progress.step >= self._total_steps:
                break

    def _drain(self, progress: Progress, measured: bool) -> None:
        """Waits for the pending steps and adds up their losses."""
        targets = 0
        for loss, count in self._pending:
            progress.epoch_loss += float(loss)
            targets += int(count)
        self._pending.clear()
        now = time.monotonic()
        if not np.isfinite(progress.epoch_loss):
            raise FloatingPointError(
                f"the loss is {progress.epoch_loss} at step {progress.step}: lower "
                f"`training.learning_rate` ({self._config.learning_rate}) or set "
                f"`training.clip_norm`"
            )
        progress.epoch_targets += targets
        if measured:
            progress.targets += targets
            progress.train_seconds += now - self._mark
        else:
            progress.compile_seconds += now - self._mark
        self._mark = now

    def _report(self, progress: Progress) -> None:
        """Writes one line of progress, and the same for TensorBoard."""
        rate = progress.targets / progress.train_seconds
        loss = progress.epoch_loss / progress.epoch_targets
        per_step = self._train.targets.sum() / self._epoch_steps
        seconds = int((self._total_steps - progress.step) * per_step / rate)
        log.info(
            "epoch %d/%d  step %d/%d  loss %.4f  %s targets/s  %d:%02d left",
            progress.epoch + 1,
            self._config.epochs,
            progress.step,
            self._total_steps,
            loss,
            f"{rate:,.0f}",
            *divmod(seconds, 60),
        )
        with self._summaries.as_default(progress.step):
            tf.summary.scalar("loss", loss)
            tf.summary.scalar("targets_per_second", rate)

    def _end_epoch(self, progress: Progress) -> None:
        """Validates, and keeps the weights if they are the best so far."""
        entry = {
            "epoch": progress.epoch + 1,
            "loss": progress.epoch_loss / max(progress.epoch_targets, 1),
        } | self._validate()
        with self._summaries.as_default(progress.step):
            for name, value in entry.items():
                tf.summary.scalar(f"epoch/{name}", value)
        log.info(
            "epoch %d  loss %.4f  validation: loss %.4f  AUC %.4f  GAUC %.4f",
            *(entry[name] for name in ("epoch", "loss")),
            *(entry[f"validation_{name}"] for name in ("loss", "auc", "gauc")),
        )
        progress.curve.append(entry)
        progress.epoch += 1
        progress.epoch_step, progress.epoch_loss, progress.epoch_targets = 0, 0.0, 0
        stopping = self._config.early_stopping
        if stopping is not None and _best(progress, stopping) == progress.epoch:
            progress.best = progress.epoch
            self._checkpoints.save_best(progress.epoch)

    def _validate(self) -> dict[str, float]:
        """Scores the validation split."""
        labels, scores, users = [], [], []
        for dataset, users_of_batches in self._validation.batches(self._shapes, None):
            for batch, batch_users in zip(dataset, users_of_batches, strict=True):
                probability = self._steps.predict(batch).numpy()
                valid = batch[features.TARGET_VALID].numpy()
                labels.append(batch[features.LABEL].numpy()[valid])
                scores.append(probability[valid])
                users.append(np.repeat(batch_users, valid.sum(1)[: len(batch_users)]))
        joined = [np.concatenate(parts) for parts in (labels, scores, users)]
        return {
            "validation_loss": metrics.logloss(*joined[:2]),
            "validation_auc": metrics.auc(*joined[:2]),
            "validation_gauc": metrics.gauc(*joined),
        }

    def _stale(self, progress: Progress) -> bool:
        """Whether the metric has not improved for too long."""
        stopping = self._config.early_stopping
        if stopping is None or progress.best is None:
            return False
        return progress.epoch - progress.best >= stopping.patience


def total_steps(config: TrainingConfig, epoch_steps: int) -> int:
    """Returns the number of steps of a run that does not stop early."""
    steps = config.epochs * epoch_steps
    return steps if config.max_steps is None else min(steps, config.max_steps)


def _best(progress: Progress, stopping: EarlyStoppingConfig) -> int:
    """Returns the number of the best epoch, the earliest of equals; where NaN, the first."""
    sign = -1 if stopping.metric == "loss" else 1
    values = [sign * entry[f"validation_{stopping.metric}"] for entry in progress.curve]
    return int(np.argmax(np.nan_to_num(values, nan=-np.inf))) + 1
