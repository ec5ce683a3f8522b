"""Optimizers against numpy, with batches that repeat an id."""

from __future__ import annotations

import types

import numpy as np
import pytest
import tensorflow as tf

from models.optimizers import (
    LazyAdam,
    RowAdagrad,
    WarmupDecay,
    build_optimizer,
    clip_by_global_norm,
    sum_duplicates,
)
from models.training_config import ScheduleConfig, TrainingConfig

ROWS, WIDTH, STEPS = 7, 3, 4
RATE, DECAY = 0.1, 0.01


def gradients(seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns ids with repetitions, and a gradient for each of them, for every step."""
    rng = np.random.default_rng(seed)
    return [(rng.integers(0, 5, 9), rng.normal(size=(9, WIDTH))) for _ in range(STEPS)]


def summed(ids: np.ndarray, values: np.ndarray) -> dict[int, np.ndarray]:
    """Returns the gradient of each touched row, by a plain loop."""
    total: dict[int, np.ndarray] = {}
    for row, value in zip(ids, values, strict=True):
        total[row] = total.get(row, 0) + value
    return total


def numpy_lazy_adam(start: np.ndarray) -> np.ndarray:
    w = start.copy()
    m, v = np.zeros_like(w), np.zeros_like(w)
    touches = np.zeros(len(w))
    for ids, values in gradients():
        for row, g in summed(ids, values).items():
            touches[row] += 1
            t = touches[row]
            m[row] = 0.9 * m[row] + 0.1 * g
            v[row] = 0.999 * v[row] + 0.001 * g**2
            rate = RATE * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            w[row] -= RATE * DECAY * w[row] + rate * m[row] / (np.sqrt(v[row]) + 1e-7)
    return w


def numpy_adagrad(start: np.ndarray) -> np.ndarray:
    w = start.copy()
    a = np.full_like(w, 0.1)
    for ids, values in gradients():
        for row, g in summed(ids, values).items():
            w[row] -= RATE * DECAY * w[row]
            a[row] += g**2
            w[row] -= RATE * g / np.sqrt(a[row] + 1e-7)
    return w


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize(
    ("optimizer", "expected"), [(LazyAdam, numpy_lazy_adam), (RowAdagrad, numpy_adagrad)]
)
def test_equals_numpy_where_a_batch_repeats_ids(optimizer, expected, jit_compile):
    start = np.random.default_rng(1).normal(size=(ROWS, WIDTH)).astype(np.float32)
    table = tf.Variable(start)
    applied = optimizer(learning_rate=RATE, decay=DECAY)
    applied.build([table])

    @tf.function(jit_compile=jit_compile)
    def step(ids, values):
        applied.apply_gradients([(tf.IndexedSlices(values, ids, [ROWS, WIDTH]), table)])

    for ids, values in gradients():
        step(tf.constant(ids), tf.constant(values, tf.float32))
    np.testing.assert_allclose(table.numpy(), expected(start.astype(np.float64)), rtol=1e-4)
    np.testing.assert_array_equal(table.numpy()[5:], start[5:])  # no batch names these


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("optimizer", [LazyAdam, RowAdagrad])
def test_a_gradient_of_exactly_0_does_not_touch(optimizer, jit_compile):
    """A row that moved once rests in a step that names it without a gradient; another one moves."""
    table = tf.Variable(np.random.default_rng(1).normal(size=(ROWS, WIDTH)), dtype=tf.float32)
    applied = optimizer(learning_rate=RATE, decay=DECAY)
    applied.build([table])

    @tf.function(jit_compile=jit_compile)
    def step(values):
        gradient = tf.IndexedSlices(values, tf.constant([2, 4, 2]), [ROWS, WIDTH])
        applied.apply_gradients([(gradient, table)])

    step(tf.ones([3, WIDTH]))
    states = [v for v in applied.variables if v.shape == table.shape]
    assert len(states) == (2 if optimizer is LazyAdam else 1)
    before = [v.numpy() for v in (table, *states)]
    step(tf.constant([[0.0] * WIDTH, [0.0, 0.0, 3.0], [-0.0] * WIDTH]))
    for variable, old in zip((table, *states), before, strict=True):
        np.testing.assert_array_equal(variable.numpy()[2], old[2])
        assert (variable.numpy()[4] != old[4]).any()


def test_a_row_that_lazy_adam_touches_late_moves_as_one_that_it_touches_at_once():
    """By one learning rate, whatever the gradient; by the steps of all rows it would be by 3.2."""
    table = tf.Variable(tf.zeros([ROWS, 1]))
    applied = LazyAdam(learning_rate=RATE)
    applied.build([table])

    @tf.function
    def step(rows):
        gradient = tf.IndexedSlices(tf.constant([[7.0]]), rows, tf.constant([ROWS, 1]))
        applied.apply_gradients([(gradient, table)])

    for row in [0] * 300 + [5]:
        step(tf.constant([row]))
    assert table.numpy()[5, 0] == pytest.approx(-RATE, rel=1e-4)


def test_lazy_adam_equals_keras_adam_on_dense_gradients():
    start = np.random.default_rng(1).normal(size=(ROWS, WIDTH)).astype(np.float32)
    ours, theirs = tf.Variable(start), tf.Variable(start)
    pairs = [(LazyAdam(RATE), ours), (tf.keras.optimizers.Adam(RATE, jit_compile=False), theirs)]
    for step in range(STEPS):
        gradient = tf.constant(np.random.default_rng(step).normal(size=start.shape), tf.float32)
        for optimizer, table in pairs:
            optimizer.apply_gradients([(gradient, table)])
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-5)


@pytest.mark.parametrize("optimizer", [LazyAdam, RowAdagrad])
def test_no_operation_is_as_large_as_the_table(optimizer):
    rows = 12_345
    table = tf.Variable(tf.zeros([rows, WIDTH]))
    applied = optimizer(learning_rate=RATE, decay=DECAY)
    applied.build([table])

    @tf.function
    def step(ids, values):
        applied.apply_gradients([(tf.IndexedSlices(values, ids, [rows, WIDTH]), table)])

    graph = step.get_concrete_function(
        tf.TensorSpec([9], tf.int64), tf.TensorSpec([9, WIDTH])
    ).graph
    large = [
        operation.name
        for operation in graph.get_operations()
        for tensor in operation.outputs
        if tensor.shape.rank and rows in tensor.shape.as_list()
    ]
    assert large == []


def test_sum_duplicates():
    gradient = tf.IndexedSlices(tf.constant([[1.0], [2.0], [4.0]]), tf.constant([3, 1, 3]), [5, 1])
    result = sum_duplicates(gradient)
    assert dict(zip(result.indices.numpy(), result.values.numpy()[:, 0], strict=True)) == {
        3: 5.0,
        1: 2.0,
    }


def test_global_norm_counts_a_repeated_row_once():
    sparse = tf.IndexedSlices(tf.constant([[1.0], [2.0]]), tf.constant([3, 3]), [5, 1])
    dense = tf.constant([4.0])  # the whole norm: sqrt((1 + 2)^2 + 4^2) = 5
    clipped = clip_by_global_norm([sparse, dense, None], 1.0)
    np.testing.assert_allclose(clipped[0].values.numpy(), [[0.6]], rtol=1e-6)
    np.testing.assert_allclose(clipped[1].numpy(), [0.8], rtol=1e-6)
    assert clipped[2] is None


@pytest.mark.parametrize(
    ("decay", "expected"),
    [
        ("none", [1 / 3, 2 / 3, 1, 1, 1, 1]),
        ("linear", [1 / 3, 2 / 3, 1, 0.75, 0.5, 0]),
        ("cosine", [1 / 3, 2 / 3, 1, 0.853553, 0.5, 0]),
    ],
)
def test_schedule(decay, expected):
    schedule = WarmupDecay(2.0, warmup_steps=2, decay=decay, total_steps=6)
    rates = [float(schedule(tf.constant(step))) for step in (0, 1, 2, 3, 4, 6)]
    np.testing.assert_allclose(rates, 2 * np.array(expected), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("name", "kind"), [("lazy_adam", LazyAdam), ("adagrad", RowAdagrad)])
def test_tables_and_the_rest_have_each_their_own_optimizer(name, kind):
    table, weight = tf.Variable(tf.ones([4, 2])), tf.Variable(tf.ones([2]))
    model = types.SimpleNamespace(embedding_variables=[table], trainable_variables=[table, weight])
    config = TrainingConfig(optimizer=name, schedule=ScheduleConfig(warmup_steps=1))
    composite = build_optimizer(config, model, total_steps=10)
    assert isinstance(composite.optimizers[0], kind)
    assert isinstance(composite.optimizers[1], tf.keras.optimizers.Adam)
    gradient = tf.IndexedSlices(tf.ones([1, 2]), tf.constant([2]), [4, 2])
    composite.apply_gradients([(gradient, table), (tf.ones([2]), weight)])
    assert (table.numpy() != 1).tolist() == [[False] * 2, [False] * 2, [True] * 2, [False] * 2]
    assert (weight.numpy() != 1).all()


def test_weight_decay_leaves_biases_and_scales_alone():
    table, kernel, bias = (tf.Variable(tf.ones(shape)) for shape in ([4, 2], [3, 2], [2]))
    model = types.SimpleNamespace(
        embedding_variables=[table], trainable_variables=[table, kernel, bias]
    )
    config = TrainingConfig(
        learning_rate=0.5, weight_decay=0.1, schedule=ScheduleConfig(decay="none")
    )
    composite = build_optimizer(config, model, total_steps=10)
    composite.apply_gradients([(tf.zeros_like(v), v) for v in (table, kernel, bias)])
    np.testing.assert_allclose(table, np.full([4, 2], 0.95))
    np.testing.assert_allclose(kernel, np.full([3, 2], 0.95))
    np.testing.assert_array_equal(bias, np.ones(2))
