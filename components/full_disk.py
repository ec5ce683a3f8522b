"""A full disk: which errors say so, and of which disk."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

_WORDS = ("No space left", "database or disk is full", "Disk quota exceeded")


def is_full_disk(error: BaseException) -> bool:
    """Whether an error says that a disk or a quota is full, as the system or SQLite puts it."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return any(words in str(error) for words in _WORDS)


@contextlib.contextmanager
def writing_to(folder: str) -> Iterator[None]:
    """Makes an error that a disk is full name `folder`: the system seldom says which disk it is.

    Raises:
      OSError: with `folder` as its file name.
    """
    try:
        yield
    except OSError as error:
        if not is_full_disk(error):
            raise
        number = error.errno or errno.ENOSPC  # `shutil.copytree` puts many errors into one
        raise OSError(number, os.strerror(number), folder) from error


def full_folder(error: BaseException) -> str | None:
    """Returns the file or folder that an error names, for which there was no room; None: none."""
    names = getattr(error, "filename2", None), getattr(error, "filename", None)  # of a copy: to
    return next((name for name in names if isinstance(name, str)), None)
