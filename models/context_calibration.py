"""Calibration that knows of what it speaks: a rising curve for each context (UMC)."""

from __future__ import annotations

import dataclasses
import itertools
import logging
from typing import Any

import numpy as np
import tensorflow as tf

NODES = 50  # at which the slope of a curve is looked at
CURVE_UNITS, SCALE_UNITS = 50, 200  # widths of two layers each, as published
ROWS = 2048  # targets at once, whose slopes take 10 KiB each
TARGETS = 500_000  # fitted on, at most
ROUNDS, STEPS = 20, 5  # so often, at most, held-out targets are looked at, after so many steps
PATIENCE = 3  # looks without a gain after which it ends
HELD_OUT = 0.2  # share of the users
RATE = 1e-3

log = logging.getLogger("everlong")


class ContextCalibration(tf.Module):
    """`exp(w(h)) (integral of f(u, h) du from 0 to z + b) + c(h)` of a logit z in its context h.

    f is positive, so the curve rises: targets of one context keep their order, those of different
    contexts need not (UMC, arXiv 2504.14243). f is a ReLU network that ends in ELU + 1, w and c are
    the outputs of another; the integral is Clenshaw and Curtis' rule. It starts as the logit is.

    Deviates from the paper in the loss: cross-entropy alone, which is least at the true rates,
    without the errors of ten bins beside it.

    Args:
      mean, scale: [C], by which contexts are shifted and divided.
      seed: of the networks' weights.
    Call arguments:
      logits: [...] float.
      context: [..., C] float.
    Returns:
      [...] float32.
    """

    def __init__(self, mean: np.ndarray, scale: np.ndarray, seed: int) -> None:
        super().__init__()
        self._mean, self._scale = (np.asarray(x, np.float32) for x in (mean, scale))
        width, rng = len(mean), np.random.default_rng(seed)
        self.slope = _network([1 + width, CURVE_UNITS, CURVE_UNITS, 1], rng)
        self.scale = _network([width, SCALE_UNITS, SCALE_UNITS, 2], rng)
        self.offset = tf.Variable(0.0)
        self._nodes, self._weights = clenshaw_curtis(NODES)

    def __call__(self, logits: tf.Tensor, context: tf.Tensor) -> tf.Tensor:
        shape = tf.shape(logits)
        logits = tf.reshape(tf.cast(logits, tf.float32), [-1])
        context = tf.reshape(tf.cast(context, tf.float32), [-1, len(self._mean)])
        found = tf.cond(
            tf.size(logits) <= ROWS,
            lambda: self.of_rows(logits, context),
            lambda: self._in_parts(logits, context),
        )
        return tf.reshape(found, shape)

    def of_rows(self, logits: tf.Tensor, context: tf.Tensor) -> tf.Tensor:
        """Returns what a call does, of logits [N] and contexts [N, C], in one piece."""
        context = (context - self._mean) / self._scale
        at = logits[:, None] / 2 * (1 + self._nodes)
        kernel, bias = self.slope[0]
        # What a context adds to the first layer is the same at all nodes.
        hidden = tf.nn.relu(
            at[..., None] * kernel[0] + (tf.matmul(context, kernel[1:]) + bias)[:, None]
        )
        slopes = tf.nn.elu(_outputs(self.slope[1:], hidden)[..., 0]) + 1
        integral = logits / 2 * tf.linalg.matvec(slopes, self._weights)
        scale, shift = tf.unstack(_outputs(self.scale, context), axis=-1)
        return tf.exp(scale) * (integral + self.offset) + shift

    def _in_parts(self, logits: tf.Tensor, context: tf.Tensor) -> tf.Tensor:
        count = tf.size(logits)
        missing = -count % ROWS
        found = tf.map_fn(
            lambda part: self.of_rows(*part),
            (
                tf.reshape(tf.pad(logits, [[0, missing]]), [-1, ROWS]),
                tf.reshape(tf.pad(context, [[0, missing], [0, 0]]), [-1, ROWS, len(self._mean)]),
            ),
            fn_output_signature=tf.TensorSpec([ROWS], tf.float32),
            parallel_iterations=1,
        )
        return tf.reshape(found, [-1])[:count]

    def told(self) -> dict[str, Any]:
        """Returns what the weights are too many to say."""
        return {"contexts": len(self._mean)}


def fit(
    logits: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    users: np.ndarray,
    context: np.ndarray,
    seed: int = 0,
) -> ContextCalibration:
    """Returns a curve for each context, which held-out users' cross-entropy chose.

    A fifth of the users is held out. Of the states that are looked at, one an epoch and the first
    of them the logits as they are, the one is kept under which that fifth has the least
    cross-entropy.

    Args:
      logits, labels, weights: [N]; labels in [0, 1].
      users: [N], whose target it is.
      context: [N, C].
      seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    mean, scale = context.mean(0), context.std(0)
    found = ContextCalibration(mean, np.where(scale > 0, scale, 1), seed)
    rows = np.arange(len(logits))
    if len(rows) > TARGETS:
        rows = rng.choice(rows, TARGETS, replace=False)
    held_out = _held_out(users[rows], rng)
    data = _Targets(logits, labels, weights, context)
    train, held = data.rows(rows[~held_out]), data.rows(rows[held_out])
    optimizer = tf.keras.optimizers.legacy.Adam(RATE)
    variables = found.trainable_variables

    @tf.function(autograph=False, reduce_retracing=True)
    def step(logits, labels, weights, context):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(
                weights
                * tf.nn.sigmoid_cross_entropy_with_logits(labels, found.of_rows(logits, context))
            )
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))

    log.info("training.calibration: umc learns from %d targets", len(train))
    before = best = _loss(found, held)
    kept = [v.numpy() for v in variables]
    size = min(ROWS, len(train))
    steps = max(len(train) // size, STEPS)
    waited = 0
    for _ in range(ROUNDS):
        for _ in range(steps):
            step(*train.rows(rng.integers(0, len(train), size)).tensors())
        loss = _loss(found, held)
        waited += 1
        if loss < best:
            best, kept, waited = loss, [v.numpy() for v in variables], 0
        if waited == PATIENCE:
            break
    for variable, value in zip(variables, kept, strict=True):
        variable.assign(value)
    log.info(
        "training.calibration: umc, cross-entropy of other users %.4f -> %.4f",
        before,
        best,
    )
    return found


@dataclasses.dataclass(frozen=True)
class _Targets:
    """Arrays of targets, [N] each, and contexts [N, C]."""

    logits: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    context: np.ndarray

    def __len__(self) -> int:
        return len(self.logits)

    def rows(self, which: np.ndarray | slice) -> _Targets:
        return _Targets(*(x[which] for x in vars(self).values()))

    def tensors(self) -> list[tf.Tensor]:
        return [tf.constant(x, tf.float32) for x in vars(self).values()]


def _held_out(users: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns which targets [N] are held out: all of a fifth of the users, of one at least."""
    names, of = np.unique(users, return_inverse=True)
    if len(names) == 1:  # of whom a fifth of the targets
        names, of = np.arange(len(users)), np.arange(len(users))
    return (rng.permutation(len(names)) < max(HELD_OUT * len(names), 1))[of]


def _loss(found: ContextCalibration, data: _Targets) -> float:
    """Returns the mean cross-entropy of targets, by weight."""
    logits, labels, weights, context = data.tensors()
    each = tf.nn.sigmoid_cross_entropy_with_logits(labels, found(logits, context))
    return float(tf.reduce_sum(each * weights) / tf.reduce_sum(weights))


def _network(widths: list[int], rng: np.random.Generator) -> list[tuple[tf.Variable, tf.Variable]]:
    """Returns kernel and bias of each layer, the last one's zero."""
    layers = []
    for place, (inputs, units) in enumerate(itertools.pairwise(widths)):
        stddev = (2 / inputs) ** 0.5 if place < len(widths) - 2 else 0.0
        kernel = rng.normal(scale=stddev, size=[inputs, units]).astype(np.float32)
        layers.append((tf.Variable(kernel), tf.Variable(tf.zeros([units]))))
    return layers


def _outputs(layers: list[tuple[tf.Variable, tf.Variable]], x: tf.Tensor) -> tf.Tensor:
    """Returns what layers with ReLUs in between make of rows [..., D]."""
    for place, (kernel, bias) in enumerate(layers):
        x = tf.tensordot(tf.nn.relu(x) if place else x, kernel, 1) + bias
    return x


def clenshaw_curtis(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns nodes in [-1, 1] and weights, [count] float32 each, that integrate a function there.

    Clenshaw and Curtis, A Method for Numerical Integration on an Automatic Computer, 1960.
    """
    last = count - 1
    angles = np.pi * np.arange(count) / last
    terms = np.arange(1, last // 2 + 1)
    factors = np.where(2 * terms == last, 1.0, 2.0) / (4 * terms**2 - 1)
    weights = 1 - np.cos(2 * np.outer(angles, terms)) @ factors
    weights *= np.where((angles == 0) | (np.arange(count) == last), 1, 2) / last
    return np.cos(angles).astype(np.float32), weights.astype(np.float32)
