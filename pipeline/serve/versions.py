"""The versions of a model in a folder: the newest serves, and gives way without losing a request.

A version appears by one rename (`components/pusher/versions.py`). While it loads, the one before
it serves. A request holds the version on which it began until it ends; a version that nobody holds
is released.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

from components.pusher.versions import is_version, version_number
from pipeline.serve.errors import Code, RequestError

SAVED_MODEL = "saved_model.pb"
Model = TypeVar("Model")
_LOG = logging.getLogger("everlong")


@dataclasses.dataclass(frozen=True)
class State:
    """What became of a version, in TensorFlow Serving's words."""

    version: int
    state: str  # LOADING, AVAILABLE, UNLOADING, END
    fault: str = ""  # why it could not be loaded


@dataclasses.dataclass
class _Held(Generic[Model]):
    """A loaded version, and how many requests hold it."""

    version: int
    model: Model
    looks: object  # of its files when they were read
    holders: int = 0


class Versions(Generic[Model]):
    """Follows a folder.

    Args:
      folder: of versions, or of one version.
      load: makes a model of a version's folder; raises if it cannot serve.
    """

    def __init__(self, folder: Path, load: Callable[[Path], Model]) -> None:
        self._folder = folder
        self._load = load
        self._lock = threading.Lock()
        self._loading: int | None = None
        self._current: _Held[Model] | None = None
        self._retired: list[_Held[Model]] = []
        self._failed: dict[int, tuple[object, str]] = {}  # what it was like, and its fault
        self._ended = threading.Event()

    @property
    def version(self) -> int | None:
        """The number of the version that serves; None: none was loaded yet."""
        current = self._current
        return None if current is None else current.version

    @contextlib.contextmanager
    def lease(self, version: int | None = None) -> Iterator[tuple[int, Model]]:
        """Holds the version that serves, so that it stays whole until the end.

        Args:
          version: that it must be; None: whichever it is.

        Yields:
          Its number and the model.

        Raises:
          RequestError: if no version is loaded, or another one.
        """
        with self._lock:
            held = self._current
            if held is None:
                raise RequestError(Code.UNAVAILABLE, "no version of the model is loaded yet")
            if version not in (None, held.version):
                raise RequestError(
                    Code.NOT_FOUND, f"there is no version {version}; {held.version} is served"
                )
            held.holders += 1
        try:
            yield held.version, held.model
        finally:
            with self._lock:
                held.holders -= 1

    def poll(self) -> None:
        """Loads the newest version if it is another one, and releases what nobody holds.

        So it does if the files of the one that serves are others now: a copy that went on.
        """
        self._release()
        found = children(self._folder)
        with self._lock:
            self._failed = {v: known for v, known in self._failed.items() if v in found}
        for version in sorted(found, reverse=True):
            looks = _looks(found[version])
            serving = self._current if version == self.version else None
            known = [] if serving is None else [None, serving.looks]
            if version in self._failed:
                known.append(self._failed[version][0])
            if looks not in known and self._try(version, found[version], looks):
                return
            if serving is not None:
                return

    def follow(self, seconds: float) -> None:
        """Polls the folder every so many seconds, until `close`."""
        while not self._ended.wait(seconds):
            self.poll()

    def close(self) -> None:
        """Ends `follow`."""
        self._ended.set()

    def states(self) -> list[State]:
        """What became of the versions, the newest first."""
        with self._lock:
            found = [State(held.version, "UNLOADING") for held in self._retired]
            serves = self.version
            found += [State(v, "END", f) for v, (_, f) in self._failed.items() if v != serves]
            if self._current is not None:
                found.append(State(self._current.version, "AVAILABLE"))
            if self._loading is not None:
                found.append(State(self._loading, "LOADING"))
        return sorted(found, key=lambda state: -state.version)

    def _try(self, version: int, folder: Path, looks: object) -> bool:
        """Loads a version and lets it serve; whether it can."""
        begun = time.monotonic()
        with self._lock:
            self._failed.pop(version, None)
            self._loading = version
        try:
            model = self._load(folder)
        except Exception as error:  # TensorFlow has many ways to fail
            fault = " ".join(str(error).split())[:200]
            with self._lock:
                self._failed[version] = looks, fault
            _LOG.info("version %d cannot be served and is passed over: %s", version, fault)
            return False
        finally:
            self._loading = None
        with self._lock:
            before, self._current = self._current, _Held(version, model, looks)
            if before is not None:
                self._retired.append(before)
        _LOG.info("version %d serves, loaded in %.1f s", version, time.monotonic() - begun)
        return True

    def _release(self) -> None:
        """Forgets versions that no request holds."""
        with self._lock:
            released = [held for held in self._retired if not held.holders]
            self._retired = [held for held in self._retired if held.holders]
        versions = [held.version for held in released]
        released.clear()  # it takes a while, in which requests must not wait for the lock
        if versions:
            gc.collect()  # graphs refer to themselves
        for version in versions:
            _LOG.info("version %d is released", version)


def children(folder: Path) -> dict[int, Path]:
    """The versions in a folder, by number; of a version's own folder, that one.

    A SavedModel under another name than a number is version 1.
    """
    try:
        if (folder / SAVED_MODEL).is_file():
            name = folder.resolve().name
            return {version_number(name) if is_version(name) else 1: folder}
        return {version_number(p.name): p for p in folder.iterdir() if is_version(p.name)}
    except OSError:  # such as a file system that is away for a while
        return {}


def _looks(folder: Path) -> object:
    """What changes when a version's files do."""
    try:
        files = [(str(path), path.stat()) for path in sorted(folder.rglob("*"))]
    except OSError:
        return None
    return [(path, stat.st_ino, stat.st_size, stat.st_mtime_ns) for path, stat in files]
