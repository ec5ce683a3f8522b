"""Calibration against scikit-learn, and on scores that were distorted by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from models import calibration
from models.calibration import isotonic, platt
from models.context_calibration import ContextCalibration
from models.metrics import Predictions


def draw(seed, count=400):
    """Logits with ties, labels that rise with them, weights."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=count).round(1)
    labels = (rng.random(count) < 1 / (1 + np.exp(-0.5 * logits + 0.3))).astype(float)
    labels[:2] = 0, 1
    return logits, labels, rng.integers(1, 4, count).astype(float)


def smoothed(labels, weights):
    """Platt's: as if there were one more click, and one more skip."""
    clicks, skips = (weights * labels).sum(), (weights * (1 - labels)).sum()
    return np.where(labels == 1, (clicks + 1) / (clicks + 2), 1 / (skips + 2))


def predictions(probabilities, labels, weights=None):
    users = np.arange(len(labels))
    return Predictions(labels, probabilities, users, users, weights=weights)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def fit(method, primary, others=()):
    return calibration.fit(method, primary, dict(others), contexts=list)


@pytest.mark.parametrize(
    ("times", "more"), [(1, 0), (0.1, 0), (3, 0), (20, 0), (1, 8), (1, -8), (5, -10), (5, 10)]
)
def test_platt_is_scikit_learns_logistic_regression(times, more):
    """However sure scores are, and however far from the rate, where whole steps of Newton fail."""
    logits, labels, weights = draw(0)
    target = smoothed(labels, weights)
    # Soft labels, as both classes by their shares.
    truth = LogisticRegression(penalty=None, tol=1e-10, max_iter=1000).fit(
        np.tile(logits, 2)[:, None],
        np.repeat([1, 0], len(logits)),
        np.concatenate([weights * target, weights * (1 - target)]),
    )
    found = platt(times * logits + more, labels, weights)
    asked = np.array([-3.0, 0.0, 2.5])
    expected = truth.decision_function(asked[:, None])
    np.testing.assert_allclose(
        found(tf.constant(times * asked + more)), expected, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("seed", range(3))
def test_isotonic_rates_are_scikit_learns(seed):
    logits, labels, weights = draw(seed)
    truth = IsotonicRegression().fit(logits, smoothed(labels, weights), weights)
    found = isotonic(logits, labels, weights)
    rates = truth.predict(logits)
    pools = [rates == rate for rate in np.unique(rates)]
    means = [np.average(logits[pool], weights=weights[pool]) for pool in pools]
    np.testing.assert_allclose(found.knots, means, atol=1e-9)
    np.testing.assert_allclose(sigmoid(np.array(found.values)), np.unique(rates), rtol=1e-6)
    np.testing.assert_allclose(found(tf.constant(means)), found.values, atol=1e-6)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), method=st.sampled_from([platt, isotonic]), up=st.booleans())
def test_the_order_of_targets_stays(seed, method, up):
    logits, labels, weights = draw(seed, 60)
    found = method(logits if up else -logits, labels, weights)
    grid = tf.constant(np.linspace(-4, 4, 801))
    assert (np.diff(found(grid)) > 0).all()


def test_between_knots_a_line_and_beyond_them_the_slope():
    line = calibration.Calibration((0.0, 1.0, 3.0), (-1.0, 0.0, 4.0), slope=0.5)
    asked = tf.constant([[-2.0, 0.0, 0.25], [2.0, 3.0, 5.0]])
    np.testing.assert_allclose(line(asked), [[-2.0, -1.0, -0.75], [2.0, 4.0, 5.0]])


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_distorted_scores_are_put_right(method):
    rng = np.random.default_rng(3)
    true = rng.normal(-1, 1.2, 200_000)
    labels = (rng.random(len(true)) < sigmoid(true)).astype(float)
    told = sigmoid(1.7 * true + 0.8).astype(np.float32)  # too sure, and too many clicks
    assert told.mean() / labels.mean() > 1.15
    (found,) = fit(method, predictions(told, labels))
    rates = sigmoid(found(tf.constant(np.log(told) - np.log1p(-told))).numpy())
    assert rates.mean() == pytest.approx(labels.mean(), rel=0.002)
    assert np.abs(rates - sigmoid(true)).mean() < 0.005


def test_each_label_has_a_calibration_of_its_own():
    logits, labels, weights = draw(1)
    other = predictions(sigmoid(logits), 1 - labels)
    found = fit("platt", predictions(sigmoid(logits), labels, weights), {"like": other})
    assert [one.slope > 0.1 for one in found] == [True, False]
    assert found[0] == fit("platt", predictions(sigmoid(logits), labels, weights))[0]


def test_labels_that_are_all_alike_are_said_and_left_alone(caplog):
    logits, labels, _ = draw(1)
    none = predictions(sigmoid(logits), np.zeros(len(labels)))
    primary = predictions(sigmoid(logits), labels)
    assert fit("isotonic", primary, {"like": none}) is None
    assert (
        "isotonic is left out: of the 400 validation targets of like all are labelled alike"
        in caplog.text
    )


def test_plain_numbers_are_told():
    found = fit("platt", predictions(np.full(4, 0.5), np.array([0.0, 1, 0, 1])))
    (told,) = calibration.told(found)
    assert told == {"knots": (0.0,), "values": (pytest.approx(0),), "slope": 1.0}
    assert calibration.told(None) is None


def test_what_the_exported_model_gives():
    scores = np.array([0.2, 0.5, 0.8], np.float32)
    primary = predictions(scores, np.array([0, 1, 1]))
    assert calibration.calibrated(None, primary, list) is scores
    line = calibration.Calibration((0.0,), (1.0,), 2.0)  # 2 z + 1; z is the logarithm of 1/4, 1, 4
    found = calibration.calibrated([line], primary, list)
    assert found == pytest.approx([np.e / (np.e + 16), np.e / (np.e + 1), np.e / (np.e + 1 / 16)])


def test_curves_are_given_the_contexts_of_their_label():
    primary = predictions(np.full(2, 0.5), np.array([0, 1]))
    curve = ContextCalibration(np.zeros(1), np.ones(1), seed=0)
    context = np.array([[-1.0], [3.0]])
    found = calibration.calibrated([curve], primary, lambda: [context])
    assert found == pytest.approx(sigmoid(np.asarray(curve(np.zeros(2), context))), abs=1e-6)
