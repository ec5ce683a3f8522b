"""Folders for TensorFlow, which restores no variables from one whose name reads as a pattern."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import tempfile
from pathlib import Path

from components.errors import InputError


def plain(folder: str) -> str:
    """Returns a path to a folder that has no characters of patterns: its own, or that of a link.

    A URI, such as gs://bucket/model, is returned as it is.

    The link is the same each time. It lies in the system's temporary folder, and may be removed
    when nothing is running.

    Raises:
      InputError: if something else is in its place.
    """
    if "://" in folder or not glob.has_magic(folder):
        return folder
    target = Path(folder).absolute()  # a link leads on from where it lies
    name = hashlib.sha256(str(target).encode()).hexdigest()[:16]
    link = Path(tempfile.gettempdir()) / f"everlong-{os.getuid()}-{name}"
    with contextlib.suppress(FileExistsError):
        link.symlink_to(target)
    if not link.is_symlink() or link.lstat().st_uid != os.getuid() or link.readlink() != target:
        raise InputError(f"{link}: is in the place of a link to {target}. Remove it.")
    return str(link)
