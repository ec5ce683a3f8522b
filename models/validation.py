"""Validation: the metrics of the validation split after every epoch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from models import features, lists
from models.buckets import BatchShape
from models.frozen import frozen_batches
from models.inputs import Split
from models.metric_table import COMPARED, METRICS, evaluate
from models.metrics import Predictions
from models.settings import HistorySettings
from models.steps import Batch, Steps

# What is told of a label beside the primary one.
_OF_OTHERS = ("auc", "logloss")


class Validation:
    """Scores a split, and once more with frozen histories if metrics within users need it.

    Args:
      split: that is scored.
      shapes: of its batches.
      steps: of the model.
      history: how its examples were cut.
      unknown: id of unknown categories.
      labels: names of the labels beside the primary one.

    Attributes:
      protocol: how targets of a user are compared, see `lists`.
      undefined: metrics that its labels do not define, whatever the scores.
      targets, clicks: their numbers.
      labels: as given.
    """

    def __init__(
        self,
        split: Split,
        shapes: Sequence[BatchShape],
        steps: Steps,
        history: HistorySettings,
        unknown: int,
        labels: Sequence[str] = (),
    ) -> None:
        self._steps, self.labels = steps, labels
        self._batches = _Datasets(lambda: split.batches(shapes, None), split.in_memory)
        self._frozen = _Datasets(
            lambda: frozen_batches(split, shapes, history, unknown), split.in_memory
        )
        self._read = [
            features.LABEL,
            features.TARGET_REQUEST,
            features.TARGET_WEIGHT,
            *map(features.label_feature, labels),
        ]
        clicked, users, requests = (np.concatenate(of) for of in zip(*_targets(split), strict=True))
        self.protocol = lists.protocol(users, requests, clicked)
        self.targets, self.clicks = len(clicked), int(clicked.sum())
        none = np.zeros(len(clicked))
        frozen = none if self.protocol == lists.FROZEN else None
        found = evaluate(Predictions(clicked, none, users, requests, frozen), COMPARED)
        self.undefined = frozenset(name for name, value in found.items() if np.isnan(value))

    def __call__(self) -> dict[str, float]:
        """Scores the split: every metric that models are compared by, under `key` of its name."""
        scored, others = self.predictions()
        within = [name for name in COMPARED if METRICS[name].within_users]
        ranked = scored
        if self.protocol == lists.FROZEN:
            frozen, _ = self._score(self._frozen)
            ranked = dataclasses.replace(frozen, frozen=frozen.scores)
        values = evaluate(scored, [name for name in COMPARED if name not in within])
        values |= evaluate(ranked, within)
        found = {key(name): values[name] for name in COMPARED}
        for name, predictions in others.items():
            found |= {key(n, name): v for n, v in evaluate(predictions, _OF_OTHERS).items()}
        return found

    def contexts(self, of: Callable[[Batch], tf.Tensor]) -> list[np.ndarray]:
        """Returns what `of` says of the targets that `predictions` has.

        Args:
          of: from a batch to [B, T, C].

        Returns:
          [N, C] for each label, the primary one's first.
        """
        found: list[list[np.ndarray]] = [[] for _ in (features.LABEL, *self.labels)]
        for dataset, _ in self._batches:
            for batch in dataset:
                valid = batch[features.TARGET_VALID].numpy()
                rows = of(batch).numpy()[valid]
                found[0].append(rows)
                for made, name in zip(found[1:], self.labels, strict=True):
                    made.append(rows[~np.isnan(batch[features.label_feature(name)].numpy()[valid])])
        return [np.concatenate(parts) for parts in found]

    def predictions(self) -> tuple[Predictions, dict[str, Predictions]]:
        """Scores the split: the primary label's predictions, and those of the others by name."""
        return self._score(self._batches)

    def _score(self, batches: _Datasets) -> tuple[Predictions, dict[str, Predictions]]:
        """The primary label's predictions, and those of the others where they are known."""
        parts: list[Predictions] = []
        others: dict[str, list[Predictions]] = {name: [] for name in self.labels}
        for dataset, users_of_batches in batches:
            for batch, users in zip(dataset, users_of_batches, strict=True):
                valid = batch[features.TARGET_VALID].numpy()
                scores = self._steps.predict(batch).numpy()[valid]
                of_targets = {n: batch[n].numpy()[valid] for n in self._read if n in batch}
                user = np.repeat(users, valid.sum(1)[: len(users)])
                requests = of_targets[features.TARGET_REQUEST]
                weights = of_targets.get(features.TARGET_WEIGHT)
                labels = of_targets[features.LABEL]
                parts.append(Predictions(labels, scores[:, 0], user, requests, weights=weights))
                for place, (name, made) in enumerate(others.items(), 1):
                    labels = of_targets[features.label_feature(name)]
                    known = ~np.isnan(labels)
                    weight = None if weights is None else weights[known]
                    made.append(
                        Predictions(
                            labels[known],
                            scores[known, place],
                            user[known],
                            requests[known],
                            weights=weight,
                        )
                    )
        return Predictions.merge(parts), {n: Predictions.merge(of) for n, of in others.items()}


class _Datasets:
    """The same datasets of batches, and the users of each batch, for every epoch.

    Args:
      make: yields them.
      keep: whether they are made once, which spares a second of tracing in each epoch.
    """

    def __init__(
        self, make: Callable[[], Iterator[tuple[tf.data.Dataset, list[np.ndarray]]]], keep: bool
    ) -> None:
        self._make, self._keep = make, keep
        self._kept: list[tuple[tf.data.Dataset, list[np.ndarray]]] = []

    def __iter__(self) -> Iterator[tuple[tf.data.Dataset, list[np.ndarray]]]:
        if not self._keep:
            return self._make()
        self._kept = self._kept or list(self._make())
        return iter(self._kept)


def key(name: str, label: str | None = None) -> str:
    """What a metric, of the primary label or of another, is called in the curve of a training."""
    of_label = "" if label is None else f"{label}_"
    return f"validation_{of_label}{'loss' if name == 'logloss' else name}"


def _targets(split: Split) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Labels, users and requests of the targets of each part."""
    for part in split.parts():
        label, request = (part.columns[name] for name in (features.LABEL, features.TARGET_REQUEST))
        users = np.repeat(part.users, label.row_lengths()[:-1].numpy())
        yield label.flat_values.numpy(), users, request.flat_values.numpy()
