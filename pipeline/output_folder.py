"""The folder that a command writes: checked before anything starts, written by one at a time."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from components.errors import NO_HOME, InputError
from components.secrets import masked
from components.utf8 import is_utf8
from pipeline.result_file import command

LOCK = ".lock"
_ROOM = 512  # bytes that the paths of what is written below may need
_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")  # `Path` has made gs:/x of gs://x


def check_folder(flag: str, path: Path) -> Path:
    """Returns the absolute path of a folder that can be written; makes nothing.

    Args:
      flag: that the folder was given with.
      path: of the folder, which need not exist.

    Raises:
      InputError: naming the folder.
    """
    if _REMOTE.match(str(path)):
        raise InputError(
            f"{flag} {path}: must be a folder of a local or mounted file system, which the workers "
            "see, too"
        )
    if path.parts and path.parts[0].startswith("~") and not Path(path.parts[0]).exists():
        raise InputError(f"{flag} {_short(path)}: {NO_HOME}")
    try:
        if not is_utf8(str(path)):  # what is written below is told as text
            raise OSError(errno.EILSEQ, "its name is no text in UTF-8")
        folder = path.resolve()
        nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
        if not nearest.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{nearest}: {os.strerror(errno.ENOTDIR)}")
        if len(os.fsencode(folder)) + _ROOM > os.pathconf(nearest, "PC_PATH_MAX"):
            raise OSError(errno.ENAMETOOLONG, "its path is too long")
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(
            f"{flag} {_short(path)}: cannot be written: {_reason(error)}; choose another folder"
        ) from None
    return folder


@contextlib.contextmanager
def locked(flag: str, folder: Path) -> Iterator[None]:
    """Makes the folder, and lets no other command write it while this lasts.

    The lock is the kernel's: it ends with the process, however that ends.

    Raises:
      InputError: naming the process that writes the folder, or why it cannot be made.
    """
    try:
        descriptor = _open(folder)
    except BlockingIOError:
        raise InputError(
            f"{flag} {folder}: {_holder(folder)} is writing it; wait until that ends, or choose "
            "another folder"
        ) from None
    except OSError as error:
        raise InputError(
            f"{flag} {_short(folder)}: cannot be written: {_reason(error)}; choose another folder"
        ) from None
    try:
        os.ftruncate(descriptor, 0)
        told = f"process {os.getpid()} (`{masked(command(sys.argv))[:200]}`)"
        os.pwrite(descriptor, told.encode(errors="replace"), 0)
        yield
    finally:
        os.close(descriptor)


def _open(folder: Path) -> int:
    """Returns the descriptor of the lock that is at the path now: its folder may be new."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_ino == os.stat(folder / LOCK).st_ino:
                return descriptor
        except FileNotFoundError:
            pass
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _holder(folder: Path) -> str:
    with contextlib.suppress(OSError):
        return (folder / LOCK).read_text(encoding="utf-8", errors="replace") or "another command"
    return "another command"


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _short(path: Path) -> str:
    text = str(path)
    return text if len(text) <= 120 else f"{text[:60]}…{text[-40:]}"
