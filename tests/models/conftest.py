"""Transformed examples that several modules train on: Transform runs once per session."""

from __future__ import annotations

import pytest

from tests.models import features_of_all_kinds
from tests.models.transformed import Transformed, random_splits, transform


@pytest.fixture(scope="session")
def transformed(tmp_path_factory: pytest.TempPathFactory) -> Transformed:
    """Users with int64 ids, with behaviour types and a cross feature."""
    return transform(tmp_path_factory.mktemp("transformed"), random_splits())


@pytest.fixture(scope="session")
def transformed_bytes(tmp_path_factory: pytest.TempPathFactory) -> Transformed:
    """Users with bytes ids, without optional features."""
    splits = random_splits(as_bytes=True, optional=False)
    return transform(tmp_path_factory.mktemp("transformed_bytes"), splits)


@pytest.fixture(scope="session")
def transformed_features(tmp_path_factory: pytest.TempPathFactory) -> Transformed:
    """Users with features of every kind, and a table of items."""
    folder = tmp_path_factory.mktemp("transformed_features")
    return transform(folder, features_of_all_kinds.splits(), features_of_all_kinds.SETTINGS)
