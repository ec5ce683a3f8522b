"""What all tests share. The environment is set before any test module can import TensorFlow."""

from __future__ import annotations

import os
import signal
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest
from hypothesis import settings

# Shells start background jobs with SIGINT ignored, and what tests interrupt would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent

# The first example of a test that touches TensorFlow pays for tracing: no deadline can be fair.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real behaviour logs; without it the test is skipped."""
    folder = Path(os.environ.get("EVERLONG_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real logs at {folder}; point EVERLONG_DATA at a folder that has them")
    return folder
