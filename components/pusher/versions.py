"""A folder of model versions, as TensorFlow Serving watches it: each appears whole, by one rename.

TensorFlow Serving takes every child whose name is an integer for a version, and ignores all others.
So a version is copied and tried in `.staging-<version>` beside it, on the same file system; what a
kill leaves there is ignored, and removed by the next push.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from components.full_disk import writing_to

STAGING = ".staging-"
# Loads the SavedModel in a folder and scores with it; raises where it cannot.
Verify = Callable[[str], None]


def push(model: str, destination: str, verify: Verify) -> tuple[str, bool]:
    """Makes the model the newest version; where it is that already, nothing is made.

    Args:
      model: folder of a SavedModel.
      destination: folder of the versions; it is made if there is none.
      verify: tries the version, before it can be seen.

    Returns:
      The version: the time in seconds, or one more than the newest if that is not lower. And
      whether it was made.

    Raises:
      OSError: if it cannot be written; of a full disk, it names the destination.
    """
    with writing_to(destination):
        return _push(model, Path(destination), verify)


def _push(model: str, folder: Path, verify: Verify) -> tuple[str, bool]:
    folder.mkdir(parents=True, exist_ok=True)
    with _alone_in(folder):
        for left in folder.glob(f"{STAGING}*"):
            shutil.rmtree(left)
        newest = max(_versions(folder), key=version_number, default=None)
        if newest is not None and _holds(folder / newest, Path(model)):
            verify(str(folder / newest))
            return newest, False
        version = next_version(newest)
        staging = folder / f"{STAGING}{version}"
        try:
            _copy(Path(model), staging)
            verify(str(staging))
            os.rename(staging, folder / version)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
        _sync(folder)
        return version, True


def try_writing(destination: str) -> None:
    """Makes the folder, and a folder in it that is renamed and removed again.

    Raises:
      OSError: if a version could not be pushed there; of a full disk, it names the destination.
      ValueError: if the path is none.
    """
    with writing_to(destination):
        os.makedirs(destination, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".try-", dir=destination) as scratch:
            file = Path(scratch, "model", "file")
            file.parent.mkdir()
            file.write_bytes(b"0")
            _sync(file)
            os.rename(file.parent, Path(scratch, "1"))


def is_remote(path: str) -> bool:
    """Whether a path is no folder of this machine, such as gs://bucket/serving."""
    return "://" in path


def is_version(name: str) -> bool:
    """Whether TensorFlow Serving takes a child of this name for a version."""
    return re.fullmatch(r"[0-9]+", name) is not None and int(name) < 2**63


def version_number(name: str) -> int:
    """The number of a version, by which TensorFlow Serving tells the newest."""
    return int(name)


def next_version(newest: str | None) -> str:
    """The time in seconds, as TFX numbers versions, but always higher than the newest."""
    least = 0 if newest is None else version_number(newest) + 1
    return str(max(int(time.time()), least))


def _versions(folder: Path) -> list[str]:
    return [child.name for child in folder.iterdir() if is_version(child.name)]


def _holds(version: Path, model: Path) -> bool:
    """Whether a version has every file of the model, byte for byte."""
    files = [path.relative_to(model) for path in model.rglob("*") if path.is_file()]
    return all(_same(version / file, model / file) for file in files)


def _same(one: Path, other: Path) -> bool:
    if not one.is_file() or one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as first, other.open("rb") as second:
        while block := first.read(1 << 20):
            if block != second.read(1 << 20):
                return False
    return True


def _copy(model: Path, staging: Path) -> None:
    """Copies a folder onto the disk itself, so that a loss of power loses nothing of it."""

    def copy_file(source: str, target: str) -> None:
        shutil.copyfile(source, target)
        _sync(Path(target))

    shutil.copytree(model, staging, copy_function=copy_file)
    for path in (staging, *(child for child in staging.rglob("*") if child.is_dir())):
        _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Of several that push into one folder, each waits for its turn; a kill ends the turn.

    Some network file systems do not lock folders. Then two pushes at once may disturb each other,
    and one of them fails; a version is whole all the same.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
