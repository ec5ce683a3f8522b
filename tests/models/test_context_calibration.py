"""Curves of contexts against numerical integration, and on scores that were distorted by hand."""

from __future__ import annotations

import hypothesis
import numpy as np
import pytest
import scipy.integrate
import tensorflow as tf
from hypothesis import strategies as st

from models import calibration, context_calibration
from models.context_calibration import ContextCalibration, clenshaw_curtis
from models.metrics import Predictions


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def drawn(seed: int) -> ContextCalibration:
    """A curve of two numbers of context, with weights far from those that it starts with."""
    found = ContextCalibration(np.array([1.0, -2.0]), np.array([2.0, 0.5]), seed)
    rng = np.random.default_rng(seed)
    for variable in found.variables:
        more = rng.normal(scale=0.05, size=variable.shape)
        variable.assign(variable + more.astype(np.float32))
    return found


def test_weights_are_the_published_ones_and_integrate_polynomials():
    """Of three nodes they are Simpson's: 1/3, 4/3, 1/3."""
    nodes, weights = clenshaw_curtis(3)
    np.testing.assert_allclose(nodes, [1, 0, -1], atol=1e-7)
    np.testing.assert_allclose(weights, [1 / 3, 4 / 3, 1 / 3], rtol=1e-6)
    for count in (6, 50):
        nodes, weights = (x.astype(np.float64) for x in clenshaw_curtis(count))
        assert weights @ nodes**4 == pytest.approx(2 / 5, rel=1e-5)
        assert weights @ nodes**3 == pytest.approx(0, abs=1e-6)


def test_it_starts_as_the_logit_is():
    fresh = ContextCalibration(np.zeros(2), np.ones(2), seed=0)
    logits = tf.constant([[-9.0, -0.5], [0.0, 7.25]])
    np.testing.assert_allclose(fresh(logits, tf.ones([2, 2, 2])), logits, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_the_curve_is_the_integral(seed):
    found = drawn(seed)
    slope, scale = (
        [(k.numpy().astype(np.float64), b.numpy().astype(np.float64)) for k, b in layers]
        for layers in (found.slope, found.scale)
    )

    def network(layers, x):
        for kernel, bias in layers[:-1]:
            x = np.maximum(x @ kernel + bias, 0)
        return x @ layers[-1][0] + layers[-1][1]

    rng = np.random.default_rng(seed)
    for z, context in zip(rng.normal(scale=3, size=4), rng.normal(size=[4, 2]), strict=True):
        h = (context - [1, -2]) / [2, 0.5]

        def f(u, h=h):
            x = network(slope, np.array([u, *h]))[0]
            return x + 1 if x > 0 else np.exp(x)

        integral, _ = scipy.integrate.quad(f, 0, z, limit=200, epsabs=1e-5, epsrel=1e-5)
        w, c = network(scale, h)
        expected = np.exp(w) * (integral + float(found.offset.numpy())) + c
        told = found(tf.constant([z], tf.float32), tf.constant([context], tf.float32))
        np.testing.assert_allclose(told, [expected], rtol=2e-3, atol=2e-3)


@hypothesis.settings(deadline=None, max_examples=20)
@hypothesis.given(st.integers(0, 10**6), st.tuples(st.floats(-5, 5), st.floats(-5, 5)))
def test_targets_of_one_context_keep_their_order(seed, context):
    grid = np.linspace(-8, 8, 161, dtype=np.float32)
    contexts = np.broadcast_to(np.array(context, np.float32), [len(grid), 2])
    assert (np.diff(drawn(seed)(tf.constant(grid), tf.constant(contexts))) >= 0).all()


def test_parts_give_what_the_whole_does(monkeypatch):
    found = drawn(1)
    rng = np.random.default_rng(1)
    logits = tf.constant(rng.normal(size=[3, 5]), tf.float32)
    context = tf.constant(rng.normal(size=[3, 5, 2]), tf.float32)
    whole = found(logits, context)
    monkeypatch.setattr(context_calibration, "ROWS", 4)
    np.testing.assert_allclose(found(logits, context), whole, rtol=1e-5)


def test_each_context_is_put_right():
    """Two kinds of targets, of which the model says too much of one and too little of the other."""
    rng = np.random.default_rng(3)
    kind = rng.integers(0, 2, 12_000)
    true = rng.normal(-1, 1, len(kind))
    labels = (rng.random(len(kind)) < sigmoid(true)).astype(float)
    told = sigmoid(true + np.where(kind, 0.8, -0.5))
    predictions = Predictions(labels, told, rng.integers(0, 500, len(kind)), np.arange(len(kind)))
    context = np.stack([kind, rng.normal(size=len(kind))], 1)
    (found,) = calibration.fit("umc", predictions, {}, contexts=lambda: [context])
    logits = np.log(told) - np.log1p(-told)
    rates = sigmoid(found(tf.constant(logits), tf.constant(context)).numpy())
    for of in (0, 1):
        assert abs(told[kind == of].mean() / labels[kind == of].mean() - 1) > 0.2
        assert rates[kind == of].mean() == pytest.approx(labels[kind == of].mean(), rel=0.04)
    assert np.abs(rates - sigmoid(true)).mean() < 0.03


def test_noise_leaves_the_logits_as_they_are():
    """Nothing that training users teach holds for the others: the first state is kept."""
    rng = np.random.default_rng(0)
    true = rng.normal(size=400)
    labels = (rng.random(400) < sigmoid(true)).astype(float)
    context = rng.normal(size=[400, 30])
    found = context_calibration.fit(true, labels, np.ones(400), np.arange(400), context)
    before = -np.log(np.where(labels == 1, sigmoid(true), 1 - sigmoid(true))).mean()
    rates = sigmoid(found(tf.constant(true), tf.constant(context)).numpy())
    assert -np.log(np.where(labels == 1, rates, 1 - rates)).mean() < before + 0.01
