"""Small programs that XLA compiles, within graphs that it does not."""

from __future__ import annotations

import functools
from collections.abc import Callable

import tensorflow as tf
from tensorflow.python.ops import control_flow_util


def xla_jit(function: Callable, varying: int = 0) -> Callable:
    """Compiles a function of tensors by XLA where that pays, and leaves it alone elsewhere.

    On CPU a whole training step runs faster without XLA, but some of its parts several times faster
    with it: chains of elementwise operations, which become one pass over memory, and sums by index.
    In eager mode, and where a shape is unknown (a serving signature), nothing is compiled, since
    every new shape would cost a compilation.

    Args:
      function: of tensors.
      varying: int, the number of its first arguments whose shapes need not be known, since few of
        them occur.
    """
    compiled = tf.function(function, jit_compile=True, autograph=False)

    @functools.wraps(function)
    def call(*tensors):
        known = all(tf.convert_to_tensor(x).shape.is_fully_defined() for x in tensors[varying:])
        return (compiled if known and not tf.executing_eagerly() else function)(*tensors)

    return call


def in_xla() -> bool:
    """Whether a graph is built that XLA compiles as a whole."""
    return not tf.executing_eagerly() and control_flow_util.GraphOrParentsInXlaContext(
        tf.compat.v1.get_default_graph()
    )


def in_plain_graph() -> bool:
    """Whether a graph is built that XLA does not compile as a whole: shapes may depend on data."""
    return not tf.executing_eagerly() and not in_xla()
