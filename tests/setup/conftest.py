"""The native modules as published, for the tests of the set-up scripts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from mend_wheels import MODULES
from uv_tool import TOOLS


@pytest.fixture(scope="session")
def original_modules() -> list[Path]:
    """The native modules from uv's cache (those in .venv are mended)."""
    for uv in (*sorted(TOOLS.glob("uv-*/bin/uv")), "uv"):
        try:
            cache = Path(subprocess.check_output([uv, "cache", "dir"], text=True).strip())
        except (OSError, subprocess.CalledProcessError):
            continue
        found = [path for module in MODULES for path in cache.glob(f"archive-v*/*/{module}")]
        if found:
            return found
    pytest.skip("uv's cache does not hold the wheels of ml-metadata and TFDV")
