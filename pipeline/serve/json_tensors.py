"""TensorFlow Serving's JSON: `inputs` by name or `instances` one by one, as numpy arrays and back.

Strings are texts or {"b64": "…"}; a missing number is NaN, as Python writes it.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from components import unique_keys
from components.saved_model import Arrays
from models.features import SERVING_DEFAULT
from pipeline.serve.errors import invalid, unknown
from pipeline.serve.model import Signature

_COLUMNS, _ROWS, _SIGNATURE = "inputs", "instances", "signature_name"
_B64 = "b64"


@dataclasses.dataclass(frozen=True)
class Body:
    """A request's body.

    Attributes:
      signature: that it asks for.
      rows: whether the values come instance by instance.
      values: of the inputs.
      truths: whether there may be a true or a false among them, which numpy takes for 1 and 0.
    """

    signature: str
    rows: bool
    values: Any
    truths: bool = True


def parse(text: bytes) -> Any:
    """The value of a JSON text.

    Raises:
      RequestError: if it is none, or an object in it has a key twice.
    """
    try:
        return unique_keys.loads(text)
    except unique_keys.RepeatedKeyError as error:
        raise invalid(f"{error}; keep one") from None
    except (ValueError, RecursionError) as error:
        raise invalid(f"the body is no JSON: {error}") from None


def body(text: bytes) -> Body:
    """Reads a body.

    Raises:
      RequestError: naming what is wrong with it.
    """
    value = parse(text)
    if not isinstance(value, dict):
        raise invalid(f"the body must be a JSON object. Received: {_shown(value)}")
    for key in value:
        if key not in (known := (_COLUMNS, _ROWS, _SIGNATURE)):
            raise invalid(unknown("key", key, known))
    if (_COLUMNS in value) == (_ROWS in value):
        raise invalid(f"the body must have either {_COLUMNS!r} or {_ROWS!r}")
    signature = value.get(_SIGNATURE) or SERVING_DEFAULT
    if not isinstance(signature, str):
        raise invalid(f"{_SIGNATURE}: must be a text. Received: {_shown(signature)}")
    rows = _ROWS in value
    truths = b"true" in text or b"false" in text
    return Body(signature, rows, value[_ROWS if rows else _COLUMNS], truths)


def arrays(asked: Body, signature: Signature) -> dict[str, np.ndarray]:
    """The inputs as arrays.

    Raises:
      RequestError: naming the input whose values are of another type, or not rectangular.
    """
    columns = _of_rows(asked.values, signature) if asked.rows else _named(asked.values, signature)
    return {name: _array(name, value, signature, asked.truths) for name, value in columns.items()}


def text(outputs: Arrays, rows: bool) -> bytes:
    """Outputs as a body: row by row if the request was; a single one without its name."""
    values = {name: array.tolist() for name, array in outputs.items()}
    single = next(iter(values.values())) if len(values) == 1 else None
    if not rows:
        return json.dumps({"outputs": values if single is None else single}).encode()
    if single is None:
        single = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    return json.dumps({"predictions": single}).encode()


def _named(value: Any, signature: Signature) -> dict[str, Any]:
    if isinstance(value, dict) and not _is_bytes(value):
        return value
    if len(signature.inputs) != 1:
        raise invalid(
            f"the inputs of signature {signature.name!r} must be an object, by their names: "
            f"{', '.join(signature.inputs)}. Received: {_shown(value)}"
        )
    return dict.fromkeys(signature.inputs, value)


def _of_rows(value: Any, signature: Signature) -> dict[str, Any]:
    if not isinstance(value, list) or not value:
        raise invalid(f"{_ROWS}: must be a list of at least one. Received: {_shown(value)}")
    rows = [_named(row, signature) for row in value]
    for place, row in enumerate(rows):
        if row.keys() != rows[0].keys():
            (name, *_) = row.keys() ^ rows[0].keys()
            raise invalid(f"{_ROWS}: {place} and 0 have not the same inputs: {name} is in one only")
    return {name: [row[name] for row in rows] for name in rows[0]}


def _array(name: str, value: Any, signature: Signature, truths: bool) -> np.ndarray:
    spec = signature.inputs.get(name)
    if spec is None:
        return np.zeros(0)  # the signature says that it does not know it
    if spec.dtype == tf.string:
        found = np.array(value, object)
        flat = [_bytes(name, one) for one in found.ravel()]
        return np.array(flat, object).reshape(found.shape)
    try:
        found = np.array(value)
    except ValueError:
        raise invalid(f"{name}: its lists must be equally long") from None
    kind: type | tuple[type, ...] = int if spec.dtype.is_integer else (int, float)
    fits = found.dtype.kind in ("i" if spec.dtype.is_integer else "if") or not found.size
    if not fits or (truths and any(isinstance(one, bool) for one in _leaves(value))):
        wrong = _first(value, lambda one: not isinstance(one, kind) or isinstance(one, bool))
        missing = (
            "; write NaN where it is missing" if wrong is None and spec.dtype.is_floating else ""
        )
        raise invalid(f"{name}: must be {spec.dtype.name}. Received: {_shown(wrong)}{missing}")
    with np.errstate(over="ignore"):  # beyond 32 bits: infinite, which the graph refuses by name
        return found.astype(spec.dtype.as_numpy_dtype)


def _bytes(name: str, value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, list):
        raise invalid(f"{name}: its lists must be equally long")
    if not (_is_bytes(value) and isinstance(value[_B64], str)):
        missing = '; write "" where it is missing' if value is None else ""
        raise invalid(
            f"{name}: must be text or {{{_B64!r}: …}}. Received: {_shown(value)}{missing}"
        )
    try:
        return base64.b64decode(value[_B64], validate=True)
    except (binascii.Error, ValueError):
        raise invalid(f"{name}: is no base64: {_shown(value[_B64])}") from None


def _is_bytes(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {_B64}


def _first(value: Any, wrong: Callable[[Any], bool]) -> Any:
    """The first value in nested lists that is wrong, or else too large."""
    found = list(_leaves(value))
    faults = [one for one in found if wrong(one)]
    return faults[0] if faults else max(found, key=abs)


def _leaves(value: Any) -> Iterator[Any]:
    """The values in nested lists."""
    if isinstance(value, list):
        for one in value:
            yield from _leaves(one)
    else:
        yield value


def _shown(value: Any) -> str:
    shown = json.dumps(value)
    return shown if len(shown) <= 100 else shown[:100] + "…"
