"""Validation: the metrics of the validation split after every epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from models import features, lists
from models.buckets import BatchShape
from models.frozen import frozen_batches
from models.inputs import Split
from models.metric_table import COMPARED, METRICS, evaluate
from models.metrics import Predictions
from models.settings import HistorySettings
from models.steps import Steps


class Validation:
    """Scores a split, and once more with frozen histories if metrics within users need it.

    Args:
      split: that is scored.
      shapes: of its batches.
      steps: of the model.
      history: how its examples were cut.
      unknown: id of unknown categories.

    Attributes:
      protocol: how targets of a user are compared, see `lists`.
      undefined: metrics that its labels do not define, whatever the scores.
      targets, clicks: their numbers.
    """

    def __init__(
        self,
        split: Split,
        shapes: Sequence[BatchShape],
        steps: Steps,
        history: HistorySettings,
        unknown: int,
    ) -> None:
        self._split, self._shapes, self._steps = split, shapes, steps
        self._history, self._unknown = history, unknown
        labels, users, requests = (np.concatenate(of) for of in zip(*_targets(split), strict=True))
        self.protocol = lists.protocol(users, requests, labels)
        self.targets, self.clicks = len(labels), int(labels.sum())
        none = np.zeros(len(labels))
        frozen = none if self.protocol == lists.FROZEN else None
        found = evaluate(Predictions(labels, none, users, requests, frozen), COMPARED)
        self.undefined = frozenset(name for name, value in found.items() if np.isnan(value))

    def __call__(self) -> dict[str, float]:
        """Scores the split: every metric that models are compared by, under `key` of its name."""
        scored = self._score(self._split.batches(self._shapes, None))
        within = [name for name in COMPARED if METRICS[name].within_users]
        ranked = scored
        if self.protocol == lists.FROZEN:
            batches = frozen_batches(self._split, self._shapes, self._history, self._unknown)
            found = self._score(batches)
            ranked = Predictions(
                found.labels, found.scores, found.users, found.requests, found.scores
            )
        values = evaluate(scored, [name for name in COMPARED if name not in within])
        values |= evaluate(ranked, within)
        return {key(name): values[name] for name in COMPARED}

    def _score(self, batches: Iterator[tuple[tf.data.Dataset, list[np.ndarray]]]) -> Predictions:
        parts = []
        for dataset, users_of_batches in batches:
            for batch, users in zip(dataset, users_of_batches, strict=True):
                probability = self._steps.predict(batch).numpy()
                valid = batch[features.TARGET_VALID].numpy()
                labels, requests = (
                    batch[name].numpy()[valid] for name in (features.LABEL, features.TARGET_REQUEST)
                )
                user = np.repeat(users, valid.sum(1)[: len(users)])
                parts.append(Predictions(labels, probability[valid], user, requests))
        return Predictions.merge(parts)


def key(name: str) -> str:
    """What a metric is called in the curve of `training.json`."""
    return f"validation_{'loss' if name == 'logloss' else name}"


def _targets(split: Split) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Labels, users and requests of the targets of each part."""
    for part in split.parts():
        label, request = (part.columns[name] for name in (features.LABEL, features.TARGET_REQUEST))
        users = np.repeat(part.users, label.row_lengths()[:-1].numpy())
        yield label.flat_values.numpy(), users, request.flat_values.numpy()
