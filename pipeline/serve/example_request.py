"""Valid requests for the signature `score` of a model that one knows nothing else of.

Ids are drawn from the vocabularies in the model's assets, where it has one of a feature's name.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import tensorflow as tf

from models import features
from pipeline.serve.model import Signature

_SECONDS_APART = 60
_BEGIN = 1_700_000_000  # a time of the first behaviour, where the model does not tell its own
_NO_VOCABULARY = 100  # integers and letters that are drawn from instead


class ExampleRequests:
    """Draws requests of one user.

    Args:
      signature: `score`.
      path: folder of the SavedModel.
      seed: of what is drawn.
    """

    def __init__(self, signature: Signature, path: Path, seed: int = 0) -> None:
        self._inputs = signature.inputs
        self._rng = np.random.default_rng(seed)
        told = path / features.CONTRACT
        # A model refuses times of another age than those it was trained on.
        self._begin = (
            json.loads(told.read_bytes())["time"]["last_of_training"] if told.is_file() else _BEGIN
        )
        self._values = {
            name: _vocabulary(path / "assets" / _table(name), spec.dtype)
            for name, spec in self._inputs.items()
            if not spec.dtype.is_floating
        }

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


def as_json(tensors: dict[str, np.ndarray]) -> str:
    """A request's body, as REST takes it."""
    inputs = {name: _plain(array.tolist()) for name, array in tensors.items()}
    return json.dumps({"signature_name": features.SCORE, "inputs": inputs}, ensure_ascii=False)


def _plain(value: list | object) -> object:
    """Bytes as text, in nested lists."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _table(name: str) -> str:
    """The vocabulary of a feature, by its usual name."""
    for prefix in (features.HISTORY_PREFIX, features.TARGET_PREFIX, features.user_feature("")):
        name = name.removeprefix(prefix)
    return name


def _vocabulary(path: Path, dtype: tf.DType) -> np.ndarray:
    """The known ids of a vocabulary; without one, anything."""
    lines = path.read_bytes().splitlines() if path.is_file() else []
    if dtype == tf.string:
        return np.array(lines or [b"%d" % i for i in range(_NO_VOCABULARY)], object)
    return np.array(lines or range(_NO_VOCABULARY)).astype(dtype.as_numpy_dtype)
