"""JSON objects that name each key once: of a repeated one, Python's reader takes the last."""

from __future__ import annotations

import collections
import json
from typing import Any


class RepeatedKeyError(ValueError):
    """A key that an object has twice.

    Attributes:
      key: the key.
    """

    def __init__(self, key: str):
        super().__init__(f"the key {key!r} is twice in an object")
        self.key = key


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Returns an object of its pairs, for `object_pairs_hook`.

    Raises:
      RepeatedKeyError: naming a key that comes twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        counted = collections.Counter(key for key, _ in pairs)
        raise RepeatedKeyError(counted.most_common(1)[0][0])
    return found


def loads(text: str | bytes) -> Any:
    """Returns the value of a JSON text, as `json.loads`.

    Raises:
      RepeatedKeyError: naming a key that an object has twice.
      ValueError: if it is no JSON.
    """
    return json.loads(text, object_pairs_hook=unique)
