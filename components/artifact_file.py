"""Files that components wrote, read by what comes after them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tfx.dsl.io import fileio

from components.errors import InputError

_T = TypeVar("_T")
_ANEW = "`everlong run` writes it anew with --from-node and the node that wrote it"


def parsed(path: str, parse: Callable[[bytes], _T]) -> _T:
    """The content of a file.

    Args:
      path: of the file.
      parse: makes something of its bytes; raises ValueError or OSError if they are faulty.

    Raises:
      InputError: naming the file, if it is gone or was cut off.
    """
    if not fileio.exists(path):
        raise InputError(f"{path} is gone; {_ANEW}")
    with fileio.open(path, "rb") as file:
        content = file.read()
    try:
        return parse(content)
    except (ValueError, OSError) as error:
        reason = str(error).partition("\n")[0].partition(". ")[0]
        raise InputError(f"{path} is damaged ({reason}); {_ANEW}") from error
