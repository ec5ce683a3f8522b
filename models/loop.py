"""The training loop: epochs, validation, early stopping, checkpoints, progress."""

from __future__ import annotations

import logging
import time

import numpy as np
import tensorflow as tf

from models.buckets import BatchShape
from models.checkpoints import Checkpoints, Progress
from models.inputs import Split
from models.metric_table import COMPARED, METRICS
from models.steps import Steps
from models.training_config import TrainingConfig
from models.validation import Validation, key

LOG_SECONDS = 5.0
_NAMES = {"loss": "logloss"}  # of metrics that a configuration calls otherwise

log = logging.getLogger("everlong")


class TrainingLoop:
    """Trains a model to the end of its last epoch, its last step, or until it no longer improves.

    Args:
      config: of the training.
      seed: of the order of the examples.
      steps: compiled for the model that is trained.
      train: the split to train on.
      validation: scores the validation split after every epoch.
      shapes: of the batches.
      checkpoints: restored from at the start, if there are any.
      summaries: TensorBoard's writer.

    Attributes:
      best_by: metric that decides which epoch was the best, None if none does: that of the
        configuration, or "logloss" where the validation split does not define it.
    """

    def __init__(
        self,
        config: TrainingConfig,
        seed: int,
        steps: Steps,
        train: Split,
        validation: Validation,
        shapes: list[BatchShape],
        checkpoints: Checkpoints,
        summaries: tf.summary.SummaryWriter,
    ) -> None:
        self._config, self._seed, self._steps = config, seed, steps
        self._train, self._validation, self._shapes = train, validation, shapes
        self._checkpoints, self._summaries = checkpoints, summaries
        self._epoch_steps = train.steps(shapes)
        self._total_steps = total_steps(config, self._epoch_steps)
        stopping = config.early_stopping
        self.best_by = None if stopping is None else _NAMES.get(stopping.metric, stopping.metric)
        if self.best_by in validation.undefined:
            self.best_by = "logloss"
        self._pending: list[tuple[tf.Tensor, tf.Tensor]] = []
        self._mark = 0.0  # when what is pending began

    def run(self) -> Progress:
        """Trains; returns where the run stands at its end."""
        self._tell_undefined()
        progress = self._checkpoints.restore()
        if progress.resumed_from_step is not None:
            log.info("resuming from the checkpoint of step %d", progress.step)
        started = time.monotonic() - progress.seconds
        # A run that was killed after an epoch's last step has yet to validate it.
        while (progress.step < self._total_steps or progress.epoch_step) and not self._stale(
            progress
        ):
            if progress.step < self._total_steps:
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
        } | self._validation()
        with self._summaries.as_default(progress.step):
            for name, value in entry.items():
                if np.isfinite(value):
                    tf.summary.scalar(f"epoch/{name}", value)
        shown = [
            f"{METRICS[name].labelled(self._validation.protocol)} {entry[key(name)]:.4f}"
            for name in COMPARED
            if METRICS[name].main and name not in self._validation.undefined
        ]
        shown += [
            f"AUC of {name} {entry[key('auc', name)]:.4f}" for name in self._validation.labels
        ]
        log.info(
            "epoch %d  loss %.4f  validation: %s", entry["epoch"], entry["loss"], "  ".join(shown)
        )
        progress.curve.append(entry)
        progress.epoch += 1
        progress.epoch_step, progress.epoch_loss, progress.epoch_targets = 0, 0.0, 0
        if self.best_by is not None and _best(progress, self.best_by) == progress.epoch:
            progress.best = progress.epoch
            self._checkpoints.save_best(progress.epoch)

    def _tell_undefined(self) -> None:
        """Says before anything is trained which metrics have no value."""
        validation = self._validation
        if not validation.undefined:
            return
        names = ", ".join(METRICS[name].label for name in COMPARED if name in validation.undefined)
        instead = ""
        stopping = self._config.early_stopping
        if stopping is not None and stopping.metric in validation.undefined:
            instead = f"; early stopping goes by the loss, not by {METRICS[stopping.metric].label}"
        log.warning(
            "the validation split, %d targets with %d clicks, does not define %s%s: enlarge "
            "split.validation for a value",
            validation.targets,
            validation.clicks,
            names,
            instead,
        )

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


def _best(progress: Progress, metric: str) -> int | None:
    """Returns the number of the best epoch, the earliest of equals; None if all are NaN."""
    values = np.array([METRICS[metric].better * entry[key(metric)] for entry in progress.curve])
    return None if np.isnan(values).all() else int(np.nanargmax(values)) + 1
