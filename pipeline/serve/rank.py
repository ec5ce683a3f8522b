"""The targets of one user's request, best first."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np

from components.errors import InputError
from models import features
from pipeline.serve import json_tensors
from pipeline.serve.errors import RequestError, invalid
from pipeline.serve.json_tensors import Body
from pipeline.serve.model import Model, Signature
from pipeline.serve.versions import children


def newest(folder: Path, optimized: bool = False) -> Model:
    """The newest version in a folder of versions, or the one in its own folder.

    Args:
      folder: of versions, or of one.
      optimized: whether it answers many requests, as of `SavedModel`.

    Raises:
      InputError: if it cannot be loaded.
    """
    versions = children(folder)
    path = versions[max(versions)]
    try:
        return Model(path, optimized)
    except Exception as error:  # of TensorFlow, as many as there are files to be damaged
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"--model {path}: cannot be loaded, as its files are damaged or not all there "
            f"({reason}). Copy it again, complete, or give another"
        ) from error


def rank(model: Model, request: Any, shown: str) -> list[dict[str, Any]]:
    """Scores the targets of a request.

    Args:
      model: with the signature `score`, and perhaps `score_new_items`.
      request: REST's `{"inputs": …}`, or the inputs themselves; of one user, whose lists need no
        further list around them, nor `history_length`. It may tell features of items.
      shown: where the request is from, for messages.

    Returns:
      A row for each target, best first: `target_item`, `probability` and `probability_<name>`.

    Raises:
      InputError: naming what is wrong with the request.
    """
    try:
        signature = _signature(model, request)
        values = _inputs(request, signature)
        inputs = json_tensors.arrays(Body(signature.name, False, values), signature)
        outputs = signature(inputs)
    except RequestError as error:
        raise InputError(f"--request {shown}: {error}") from None
    users, count = outputs[features.PROBABILITY].shape
    if users != 1:
        raise InputError(f"--request {shown}: must be of one user. Received: {users}")
    items = values[features.TARGET_ITEM][0]
    columns = sorted(name for name in outputs if name.startswith(features.PROBABILITY))
    order = np.argsort(-outputs[features.PROBABILITY][0], kind="stable")
    return [
        {features.TARGET_ITEM: items[place]} | {n: float(outputs[n][0, place]) for n in columns}
        for place in order[:count]
    ]


def _signature(model: Model, request: Any) -> Signature:
    """The one that takes what the request tells of items, if it tells anything."""
    score = model.signature(features.SCORE)
    with contextlib.suppress(RequestError):
        new = model.signature(features.SCORE_NEW_ITEMS)
        if (new.inputs.keys() - score.inputs) & _given(request).keys():
            return new
    return score


def _given(request: Any) -> dict[str, Any]:
    given = request.get("inputs", request) if isinstance(request, dict) else request
    if not isinstance(given, dict):
        raise invalid("must be an object: inputs by name")
    return given


def _inputs(request: Any, signature: Signature) -> dict[str, Any]:
    """The inputs by name, each with the list of users around it."""
    inputs = {name: _of_users(value, signature, name) for name, value in _given(request).items()}
    items = inputs.get(features.HISTORY_ITEM)
    if features.HISTORY_LENGTH not in inputs and isinstance(items, list):
        inputs[features.HISTORY_LENGTH] = [len(row) for row in items if isinstance(row, list)]
    return inputs


def _of_users(value: Any, signature: Signature, name: str) -> Any:
    spec = signature.inputs.get(name)
    depth = spec.shape.rank if spec is not None else 0
    found, inner = 0, value
    while isinstance(inner, list):
        found, inner = found + 1, inner[0] if inner else None
    # An empty list says nothing of its depth: `[]` is the history of a user without any.
    return [value] if found == depth - 1 else value
