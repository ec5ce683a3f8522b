"""What a folder holds, in a line of text that differs where a name, a size or a byte does."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable

import tensorflow as tf

_BLOCK = 1 << 22


def of_folder(folder: str) -> str:
    """Describes all files below a folder, local or in an object store."""
    return of_files(
        (os.path.join(parent, name), folder)
        for parent, _, names in tf.io.gfile.walk(folder)
        for name in names
    )


def of_files(files: Iterable[tuple[str, str]]) -> str:
    """Describes files: how many, how large in all, and the digest of their names and bytes.

    Args:
      files: paths, each with the folder that its name is told from.
    """
    digest, count, size = hashlib.sha256(), 0, 0
    for name, path in sorted((os.path.relpath(path, folder), path) for path, folder in files):
        own = hashlib.sha256()
        with tf.io.gfile.GFile(path, "rb") as file:
            while block := file.read(_BLOCK):
                own.update(block)
                size += len(block)
        digest.update(name.encode() + b"\0" + own.digest())
        count += 1
    return f"{count} files of {size} bytes, sha256 {digest.hexdigest()[:32]}"
