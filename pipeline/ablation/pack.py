"""Packs the eval split, one target an example, back into examples of one user and many targets.

A model scores T targets of a user at hardly more cost than one, as their history is read once
(DESIGN, section 1); the eval split holds it once for each target.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from models import features

_PREFIX_OF = (features.HISTORY_ITEM, features.HISTORY_TIME)
_TARGETS = (
    features.TARGET_ITEM,
    features.TARGET_CATEGORY,
    features.TARGET_TIME,
    features.TARGET_HIST_END,
)
# Read off the targets, and not needed for scoring.
_KEYS = {
    "user": features.USER_ID,
    "item": features.TARGET_ITEM,
    "time": features.TARGET_TIME,
    "label": features.LABEL,
    "oracle": features.TARGET_ORACLE,
}


@dataclasses.dataclass
class _Group:
    """Examples that share one history: what the last of them sees, all of them see a prefix of."""

    last: tf.train.Example
    history: list[np.ndarray]
    targets: dict[str, list[Any]]

    def takes(self, example: tf.train.Example, history: list[np.ndarray], most: int) -> bool:
        """Whether the targets of `example` see the same behaviours up to the group's last."""
        shared = len(self.history[0])
        return (
            len(self.targets[features.TARGET_ITEM]) < most
            and _values(example, features.USER_ID) == _values(self.last, features.USER_ID)
            and len(history[0]) >= shared
            and all(
                np.array_equal(new[:shared], old)
                for new, old in zip(history, self.history, strict=True)
            )
        )

    def serialized(self) -> bytes:
        """The packed example, without what only training and reports read."""
        feature = self.last.features.feature
        for name in set(feature) - set(_TARGETS):
            if not name.startswith(features.HISTORY_PREFIX) and name != features.USER_ID:
                del feature[name]
        for name, values in self.targets.items():
            kind = getattr(feature[name], feature[name].WhichOneof("kind"))
            del kind.value[:]
            kind.value.extend(values)
        return self.last.SerializeToString()


def pack(examples: Iterable[bytes], most: int) -> tuple[list[bytes], dict[str, np.ndarray]]:
    """Packs adjacent targets of a user whose histories continue each other.

    Args:
      examples: serialized raw `tf.Example`s, T = 1. Any order is right; by user and time, as
        BehaviorExampleGen leaves them, packs most.
      most: targets of a packed example.

    Returns:
      The packed examples, and what tells their targets apart, [N] each in the same order: user,
      item, time, label and, of a simulated log, oracle. Ids are those of the log.
    """
    packed: list[bytes] = []
    columns: dict[str, list[Any]] = {name: [] for name in _KEYS}
    group: _Group | None = None
    for serialized in examples:
        example = tf.train.Example.FromString(serialized)
        for name, feature in _KEYS.items():
            columns[name] += _values(example, feature)
        history = [np.array(_values(example, name)) for name in _PREFIX_OF]
        targets = {name: _values(example, name) for name in _TARGETS}
        if group is not None and group.takes(example, history, most):
            group.last, group.history = example, history
            for name, values in targets.items():
                group.targets[name] += values
            continue
        if group is not None:
            packed.append(group.serialized())
        group = _Group(example, history, targets)
    if group is not None:
        packed.append(group.serialized())
    return packed, {name: np.array(values) for name, values in columns.items() if values}


def _values(example: tf.train.Example, name: str) -> list[Any]:
    if name not in example.features.feature:
        return []
    feature = example.features.feature[name]
    kind = feature.WhichOneof("kind")
    return list(getattr(feature, kind).value) if kind else []
