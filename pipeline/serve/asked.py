"""The users of a request, whichever signature it asks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from components.saved_model import Arrays
from models import features
from pipeline.serve.errors import invalid

_EXAMPLES = "examples"  # the input of `serving_default`


class User(NamedTuple):
    """One user of a request.

    Attributes:
      length: of the history.
      values: by feature; none of an example that Python cannot read, but the graph could.
    """

    length: int
    values: Mapping[str, Sequence]


def users(inputs: Arrays, required: frozenset[str] = frozenset()) -> Iterator[User]:
    """The users of the inputs of a signature.

    Args:
      inputs: that the graph found no fault with. It cannot tell a feature that an example does not
        name from one without values, so a user whose history is misspelt had none.
      required: features that an example must name.

    Raises:
      RequestError: naming the feature that is missing.
    """
    for user, length in enumerate(inputs.get(features.HISTORY_LENGTH, np.zeros(0, int)).tolist()):
        yield User(length, {name: array[user] for name, array in inputs.items() if array.ndim > 1})
    for number, serialized in enumerate(inputs.get(_EXAMPLES, ())):
        found = _of_example(serialized)
        if found and (missing := sorted(required - found.keys())):
            raise invalid(
                f"{missing[0]}: is missing from example {number}; of a user without a history it "
                f"is there, without values. Received: {', '.join(sorted(found))}"
            )
        yield User(len(found.get(features.HISTORY_TIME, ())), found)


def _of_example(serialized: bytes) -> Mapping[str, Sequence]:
    example = tf.train.Example()
    with contextlib.suppress(DecodeError):  # of names that are no UTF-8, which graphs pass over
        example.ParseFromString(serialized)
    return {
        name: getattr(feature, feature.WhichOneof("kind") or "bytes_list").value
        for name, feature in example.features.feature.items()
    }
