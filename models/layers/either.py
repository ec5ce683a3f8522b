"""A choice that is made where it can be: in Python, or when the graph runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def either(condition: bool | tf.Tensor, then: Callable[[], Any], otherwise: Callable[[], Any]):
    """Returns `then()` or `otherwise()`; in a graph that does not know which, both are in it."""
    if isinstance(condition, bool):
        return then() if condition else otherwise()
    return tf.cond(condition, then, otherwise)
