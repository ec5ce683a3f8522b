"""Which functions XLA compiles, and that they stay the same functions."""

from __future__ import annotations

import pytest
import tensorflow as tf

from models.layers.xla_jit import in_plain_graph, xla_jit


@xla_jit
def doubled(x):
    return x * 2


def compiled_calls(traced: tf.types.experimental.GenericFunction, *specs) -> int:
    graph = traced.get_concrete_function(*specs).graph
    return sum("_XlaMustCompile" in op.node_def.attr for op in graph.get_operations())


@pytest.mark.parametrize(("shape", "compiled"), [([2, 3], 1), ([None, 3], 0)])
def test_only_graphs_of_known_shapes_are_compiled(shape, compiled):
    spec = tf.TensorSpec(shape, tf.float32)
    assert compiled_calls(tf.function(doubled), spec) == compiled


@pytest.mark.parametrize(("varying", "compiled"), [(0, 0), (1, 1)])
def test_shapes_of_the_first_arguments_may_vary(varying, compiled):
    added = xla_jit(lambda x, y: tf.reduce_sum(x) + y, varying)
    specs = [tf.TensorSpec([None], tf.float32), tf.TensorSpec([2], tf.float32)]
    traced = tf.function(added)
    assert compiled_calls(traced, *specs) == compiled
    program = traced.get_concrete_function(*specs)
    for x in ([1.0], [1.0, 2.0, 3.0]):
        assert program(tf.constant(x), tf.constant([0.0, 1.0])).numpy().tolist() == [
            sum(x),
            sum(x) + 1,
        ]


def test_a_plain_graph_is_told_from_one_that_xla_compiles():
    found = []
    tf.function(lambda: found.append(in_plain_graph()))()
    tf.function(lambda: found.append(in_plain_graph()), jit_compile=True)()
    tf.function(tf.function(lambda: found.append(in_plain_graph())), jit_compile=True)()
    assert [*found, in_plain_graph()] == [True, False, False, False]


def test_values_are_the_functions_own():
    x = tf.constant([1.0, 2.0])
    assert doubled(x).numpy().tolist() == [2, 4]
    assert tf.function(doubled)(x).numpy().tolist() == [2, 4]
    assert tf.function(doubled, jit_compile=True)(x).numpy().tolist() == [2, 4]


def test_gradient_passes():
    x = tf.constant([3.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.function(doubled)(x)
    assert tape.gradient(y, x).numpy().tolist() == [2]
