"""The population stability index, against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.serve.drift import Drift
from pipeline.serve.expected import Expected


def halves() -> Expected:
    """Half of validation's scores are at most .5."""
    return Expected({}, np.array([0.5]), np.array([0.5, 0.5]))


def scores(low: int, high: int) -> np.ndarray:
    return np.repeat(np.array([0.5, 0.9], np.float32), [low, high])


def test_by_hand():
    drift, expected = Drift(), halves()
    assert drift.value() is None
    drift.add(expected, scores(750, 249))
    assert drift.value() is None, "999 scores tell nothing yet"
    drift.add(expected, scores(0, 1))
    # (.75 - .5) ln(.75 / .5) + (.25 - .5) ln(.25 / .5)
    assert drift.value() == pytest.approx(0.2746530722)


def test_as_validation_is_no_drift():
    drift = Drift()
    drift.add(halves(), scores(1000, 1000))
    assert drift.value() == 0


def test_a_range_without_scores_is_finite():
    drift = Drift()
    drift.add(halves(), scores(1000, 0))
    # Of the empty range, .0001: .5 ln 2 - .4999 ln(.0001 / .5)
    assert drift.value() == pytest.approx(0.5 * math.log(2) + 0.4999 * math.log(5000))


def test_another_version_begins_anew():
    drift = Drift()
    drift.add(halves(), scores(1000, 0))
    drift.add(halves(), scores(500, 500))
    assert drift.value() == 0


def test_the_latest_scores_count():
    drift, expected = Drift(), halves()
    for _ in range(10):
        drift.add(expected, scores(0, 50_000))
    for _ in range(10):
        drift.add(expected, scores(25_000, 25_000))
    assert drift.value() < 0.01
