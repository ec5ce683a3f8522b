"""What tests of models share."""

from __future__ import annotations

import pytest
import tensorflow as tf


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Has each test draw the same weights every time, whichever tests ran before it."""
    del item
    tf.keras.utils.set_random_seed(0)
