"""Versions in an object store, which has no folders to rename: `saved_model.pb` comes last.

It is the marker that a version is whole: TensorFlow Serving, as all that load SavedModels, refuses
a version that lacks it. The contract comes first, so that what a kill leaves is told from a folder
of somebody else's that has a number for its name: the next push removes the one, and never the
other. An object store has no locks either: let one pipeline at a time push to a destination.
"""

from __future__ import annotations

import os
import posixpath
import uuid
from collections.abc import Iterator

from tfx.dsl.io import fileio

from components import object_store  # noqa: F401  # makes s3:// and minio:// known
from components.pusher.versions import Verify, is_version, next_version, version_number
from models.features import CONTRACT

MARKER = "saved_model.pb"


def push(model: str, destination: str, verify: Verify) -> tuple[str, bool]:
    """Makes the model the newest version; where it is that already, nothing is made.

    Args:
      model: folder of a SavedModel, anywhere.
      destination: folder of the versions, such as gs://bucket/serving.
      verify: tries the model before the copy, and the version after it; one that fails is taken
        back.

    Returns:
      The version, and whether it was made, as `versions.push`.
    """
    for version in _versions(destination):
        if _is_left(posixpath.join(destination, version)):
            fileio.rmtree(posixpath.join(destination, version))
    newest = max(_versions(destination), key=version_number, default=None)
    files = sorted(_files(model), key=lambda name: (name == MARKER, name != CONTRACT))
    if newest is not None and all(
        _same(posixpath.join(model, name), posixpath.join(destination, newest, name))
        for name in files
    ):
        verify(posixpath.join(destination, newest))
        return newest, False
    verify(model)
    version = next_version(newest)
    for name in files:
        target = posixpath.join(destination, version, name)
        fileio.makedirs(posixpath.dirname(target))
        fileio.copy(posixpath.join(model, name), target)
    try:
        verify(posixpath.join(destination, version))
    except BaseException:
        fileio.remove(posixpath.join(destination, version, MARKER))
        raise
    return version, True


def try_writing(destination: str) -> None:
    """Writes a file and removes it again."""
    file = posixpath.join(destination, f".try-{uuid.uuid4().hex}")
    fileio.makedirs(destination)
    with fileio.open(file, "w") as opened:
        opened.write("0")
    fileio.remove(file)


def _versions(destination: str) -> list[str]:
    if not fileio.exists(destination):
        return []
    return [name for name in _children(destination) if is_version(name)]


def _is_left(version: str) -> bool:
    """Whether a push ended in this folder before the marker, be it before the contract."""
    if not fileio.isdir(version):
        return False
    names = _children(version)
    return not names or (CONTRACT in names and MARKER not in names)


def _children(folder: str) -> list[str]:
    return [os.fsdecode(name).rstrip("/") for name in fileio.listdir(folder)]


def _files(model: str) -> Iterator[str]:
    """The files of a model, as paths within it."""
    for folder, _, names in fileio.walk(model):
        inside = os.fsdecode(folder)[len(model) :].strip("/")
        yield from (posixpath.join(inside, os.fsdecode(name)) for name in names)


def _same(one: str, other: str) -> bool:
    if not fileio.exists(other):
        return False
    with fileio.open(one, "rb") as first, fileio.open(other, "rb") as second:
        while block := first.read(1 << 20):
            if block != second.read(1 << 20):
                return False
        return not second.read(1)
