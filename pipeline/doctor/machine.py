"""The machine and the packages on it, as far as Python alone can tell."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import sys
import tempfile
from pathlib import Path

from pipeline.doctor.probe import Doubt, Fault, Probe

# Beside the code in a checkout, and in the image.
LOCK = Path(__file__).resolve().parents[2] / "requirements" / "lock.txt"
OLDEST_GLIBC = (2, 34)  # see requirements/mend_wheels.py
# The demo takes .1 GB; the examples of a log take about as much as its files, unpacked.
LEAST_GB, ENOUGH_GB = 1, 10


def _python() -> str:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info[:2] != (3, 11):
        raise Fault(f"{found}: TFX 1.21 needs Python 3.11; make setup PYTHON=/path/to/python3.11")
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise Fault(f"{found}: TFX's wheels are for Linux on x86-64 only; use docker/Dockerfile")
    return found


def _glibc() -> str:
    name, version = platform.libc_ver()
    if name != "glibc" or tuple(map(int, version.split("."))) < OLDEST_GLIBC:
        raise Fault(
            f"{name or 'another libc'} {version}: TFX's wheels need glibc 2.34 or newer, as Debian "
            "12, Ubuntu 22.04 and RHEL 9 have; use such a system, or docker/Dockerfile"
        )
    return version


def _packages() -> str:
    if not LOCK.is_file():
        raise Doubt(
            f"cannot be compared: there is no {LOCK}; install with make setup or docker/Dockerfile"
        )
    locked = dict(re.findall(r"^([\w.-]+)==(\S+)", LOCK.read_text(encoding="utf-8"), re.M))
    found: dict[str, str] = {}
    for package in importlib.metadata.distributions():
        # The first on the path is what an import finds; setuptools puts copies of its own behind.
        found.setdefault(_normal(package.name), package.version)
    wrong = [
        f"{name} is {found.get(name, 'missing')}, not {version}"
        for name, version in locked.items()
        if found.get(name) != version
    ]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise Fault(f"{', '.join(wrong[:3])}{more}: not as locked; run make setup")
    return f"{len(locked)}, as requirements/lock.txt has them"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _disk() -> str:
    free = {folder: shutil.disk_usage(folder).free / 1e9 for folder in _written()}
    told = ", ".join(f"{gigabytes:.1f} GB free in {folder}" for folder, gigabytes in free.items())
    if min(free.values()) < LEAST_GB:
        raise Fault(f"{told}: even a small run needs {LEAST_GB} GB; make room, or set TMPDIR")
    if min(free.values()) < ENOUGH_GB:
        raise Doubt(f"{told}: enough for small logs only; for others make room, or set TMPDIR")
    return told


def _written() -> tuple[str, str]:
    """Where a run leaves its results unless told otherwise, and where Beam spills rows."""
    return os.getcwd(), tempfile.gettempdir()


MACHINE = (
    Probe("Python", _python),
    Probe("glibc", _glibc),
    Probe("packages", _packages, "run make setup"),
    Probe("disk", _disk, "choose a working folder that can be read, and set TMPDIR to another"),
)
