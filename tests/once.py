"""What is made once a session, whichever of its processes (pytest-xdist) asks for it first."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Returns the folder `name` of all processes, which `make` filled in one of them."""
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # whose folder lies in that of all
        shared = shared.parent
    made = shared / f"once-{name}"
    with (shared / f"once-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = made / "done"
        if not done.exists():
            shutil.rmtree(made, ignore_errors=True)  # what failed there fails here, and is told
            made.mkdir()
            make(made)
            done.touch()
    return made
