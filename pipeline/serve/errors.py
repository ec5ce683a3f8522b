"""Why a request gets no answer: a code, told by REST and gRPC in their own way, and a sentence."""

from __future__ import annotations

import enum
from collections.abc import Collection
from difflib import get_close_matches

_LONGEST = (
    1000  # characters of a sentence: gRPC sends it in a header, and requests are quoted in it
)


class Code(enum.Enum):
    """gRPC's codes by their names, with the HTTP status that TensorFlow Serving gives each."""

    OK = 200
    INVALID_ARGUMENT = 400
    NOT_FOUND = 404
    RESOURCE_EXHAUSTED = 429
    INTERNAL = 500
    UNAVAILABLE = 503
    DEADLINE_EXCEEDED = 504


class RequestError(Exception):
    """A request that gets no answer.

    Args:
      code: the kind of fault.
      sentence: says what is wrong, and where.
    """

    def __init__(self, code: Code, sentence: str) -> None:
        super().__init__(sentence[:_LONGEST])
        self.code = code


def invalid(sentence: str) -> RequestError:
    """A fault of the request itself."""
    return RequestError(Code.INVALID_ARGUMENT, sentence)


def unknown(what: str, name: str, known: Collection[str]) -> str:
    """A sentence on a name that is none, with the nearest one, or all."""
    near = get_close_matches(name, known, 1)
    hint = f"the nearest is {near[0]!r}" if near else f"there are {', '.join(sorted(known))}"
    return f"there is no {what} {name[:100]!r}; {hint}"
