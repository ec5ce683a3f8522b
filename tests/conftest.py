"""What all tests share. The environment is set before any test module can import TensorFlow."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest
from hypothesis import settings

import pipeline  # noqa: F401  # Python looks for garbage as seldom as it does in commands
from components import beam_memo
from tests.once import once

if TYPE_CHECKING:  # it imports TensorFlow, which most tests do without
    from tests.models.transformed import Transformed

# Shells start background jobs with SIGINT ignored, and what tests interrupt would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent

# Fixtures of whole models and of what they are trained on.
SHARED = {"transformed", "transformed_bytes", "transformed_features", "trained_features"}

# The first example of a test that touches TensorFlow pays for tracing: no deadline can be fair.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real behaviour logs; without it the test is skipped."""
    return _shared("data", "real logs")


@pytest.fixture(scope="session")
def shared_cases() -> Path:
    """The folder of small logs in forms that people's logs have; without it the test is skipped."""
    return _shared("cases", "cases")


def _shared(name: str, what: str) -> Path:
    variable = f"EVERLONG_{name.upper()}"
    folder = Path(os.environ.get(variable) or ROOT.parent / "shared" / name)
    if not folder.is_dir():
        pytest.skip(f"no {what} at {folder}; point {variable} at a folder that has them")
    return folder


@pytest.fixture(scope="session")
def transformed(tmp_path_factory: pytest.TempPathFactory) -> Transformed:
    """Users with int64 ids, with behaviour types and a cross feature."""
    from tests.models.transformed import random_splits, transformed_once

    return transformed_once(tmp_path_factory, "transformed", random_splits())


@pytest.fixture(scope="session")
def transformed_bytes(tmp_path_factory: pytest.TempPathFactory) -> Transformed:
    """Users with bytes ids, without optional features."""
    from tests.models.transformed import random_splits, transformed_once

    splits = random_splits(as_bytes=True, optional=False)
    return transformed_once(tmp_path_factory, "transformed_bytes", splits)


@pytest.fixture(scope="session")
def transformed_features(tmp_path_factory: pytest.TempPathFactory) -> Transformed:
    """Users with features of every kind, and a table of items."""
    from tests.models import features_of_all_kinds
    from tests.models.transformed import transformed_once

    splits, settings = features_of_all_kinds.splits(), features_of_all_kinds.SETTINGS
    return transformed_once(tmp_path_factory, "transformed_features", splits, settings)


@pytest.fixture(scope="session")
def trained_features(
    transformed_features: Transformed, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """What three steps of training on `transformed_features` left: `models/7`, and `run`."""
    from models import trainer

    def train(folder: Path) -> None:
        training = {"epochs": 1, "max_steps": 3, "early_stopping": {"metric": "loss"}}
        arguments = transformed_features.fn_args(folder, training, item_bias=True)
        arguments.serving_model_dir = str(folder / "models" / "7")
        trainer.run_fn(arguments)

    return once(tmp_path_factory, "trained_features", train)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long begin first, so that all processes end at about the same time."""

    def rank(item: pytest.Item) -> int:
        if item.get_closest_marker("slow"):
            return 0
        costly = SHARED & set(getattr(item, "fixturenames", ()))
        return 1 if costly else 2

    ranks: dict[Path, int] = {}
    for item in items:
        ranks[item.path] = min(rank(item), ranks.get(item.path, 2))
    items.sort(key=lambda item: ranks[item.path])


def pytest_collection_finish() -> None:
    """Has Beam, where tests use it, be as quick as it is in commands."""
    if "apache_beam" in sys.modules:
        beam_memo.install()
