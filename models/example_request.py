"""Valid requests of the signature `score`, of ids that the model knows."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from models import features

_SECONDS_APART = 60
_BEGIN = 1_700_000_000  # a time of the first behaviour, where the model does not tell its own
_NO_VOCABULARY = 100  # integers and letters that are drawn from instead
_MOST = 200_000  # values of a vocabulary, the most frequent ones, that are drawn from


class ExampleRequests:
    """Draws requests of one user.

    Args:
      inputs: of the signature.
      vocabularies: the file with the known values of an input, by its name; where there is none,
        anything is drawn.
      begin: time of the first behaviour. A model refuses times of another age than those that it
        was trained on.
      seed: of what is drawn.
    """

    def __init__(
        self,
        inputs: Mapping[str, tf.TensorSpec],
        vocabularies: Mapping[str, str],
        begin: int = _BEGIN,
        seed: int = 0,
    ) -> None:
        self._inputs, self._begin = inputs, begin
        self._rng = np.random.default_rng(seed)
        self._values = {
            name: _values(vocabularies.get(name), spec.dtype)
            for name, spec in inputs.items()
            if not spec.dtype.is_floating
        }

    @classmethod
    def of_model(cls, inputs: Mapping[str, tf.TensorSpec], folder: str) -> ExampleRequests:
        """Draws requests of an exported model.

        Args:
          inputs: of its signature.
          folder: of the SavedModel; where no contract lies in it, nothing is known of the model.
        """
        path = os.path.join(folder, features.CONTRACT)
        if not tf.io.gfile.exists(path):
            return cls(inputs, {})
        with tf.io.gfile.GFile(path) as file:
            told = json.load(file)
        known = told["signatures"][features.SCORE]["inputs"]
        vocabularies = {
            name: os.path.join(folder, "assets", one["vocabulary"])
            for name, one in known.items()
            if "vocabulary" in one
        }
        return cls(inputs, vocabularies, told["time"]["last_of_training"])

    def draw(self, length: int, targets: int) -> dict[str, np.ndarray]:
        """A request.

        Args:
          length: L, behaviours of the history.
          targets: T.

        Returns:
          `history_*` [1, L], `target_*` [1, T], `history_length` [1], anything else [1, 1].
        """
        end = self._begin + length * _SECONDS_APART
        fixed = {
            features.HISTORY_LENGTH: np.array([length]),
            features.HISTORY_TIME: np.arange(self._begin, end, _SECONDS_APART)[None],
            features.TARGET_TIME: np.full([1, targets], end),
        }
        return {
            name: fixed[name] if name in fixed else self._draw(name, spec, length, targets)
            for name, spec in self._inputs.items()
        }

    def _draw(self, name: str, spec: tf.TensorSpec, length: int, targets: int) -> np.ndarray:
        size = 1
        if name.startswith(features.HISTORY_PREFIX):
            size = length
        elif name.startswith(features.TARGET_PREFIX):
            size = targets
        if spec.dtype.is_floating:
            return self._rng.random([1, size], np.float32)
        return self._rng.choice(self._values[name], [1, size])


def as_lists(tensors: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """A request's inputs as JSON has them."""
    return {name: _plain(array.tolist()) for name, array in tensors.items()}


def as_json(tensors: Mapping[str, np.ndarray]) -> str:
    """A request's body, as REST takes it."""
    body = {"signature_name": features.SCORE, "inputs": as_lists(tensors)}
    return json.dumps(body, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """Bytes as text, in nested lists."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _values(path: str | None, dtype: tf.DType) -> np.ndarray:
    """The known values of a vocabulary; without one, anything."""
    lines: list[bytes] = []
    if path is not None:
        with tf.io.gfile.GFile(path, "rb") as file:
            lines = [line.rstrip(b"\n") for line in itertools.islice(file, _MOST)]
    if dtype == tf.string:
        return np.array(lines or [b"%d" % i for i in range(_NO_VOCABULARY)], object)
    return np.array(lines or range(_NO_VOCABULARY)).astype(dtype.as_numpy_dtype)
