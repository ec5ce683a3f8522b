"""What a folder holds: its files' sizes, or a line of text that differs where any byte does."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator

import tensorflow as tf

_BLOCK = 1 << 22


def of_folder(folder: str) -> str:
    """Describes all files below a folder, local or in an object store."""
    return of_files((path, folder) for path in _below(folder))


def sizes(folder: str) -> dict[str, int]:
    """Returns the bytes of each file below a folder, by its path from there, in their order."""
    return {os.path.relpath(p, folder): tf.io.gfile.stat(p).length for p in sorted(_below(folder))}


def _below(folder: str) -> Iterator[str]:
    for parent, _, names in tf.io.gfile.walk(folder):
        yield from (os.path.join(parent, name) for name in names)


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
