"""One user at a time."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

LONG_HISTORY = 16_384  # as fast either way below; above, memory decides


def by_user(function: Callable, length: int | None, *tensors):
    """Returns `function(*tensors)`, computed one user at a time where histories are long.

    So scores of T targets against L behaviours exist for one user only: at L = 100,000 those of a
    batch would take gigabytes.

    Args:
      function: of tensors [B, ...], to tensors [B, ...], in which users do not mix; no gradient
        passes through it.
      length: scores of one target: L times the lists that are ranked; None where unknown.
      *tensors: [B, ...] each.
    """
    tensors = tf.nest.map_structure(tf.stop_gradient, tensors)
    if length is None or length <= LONG_HISTORY:
        return function(*tensors)

    def one(arguments):
        outputs = function(*tf.nest.map_structure(lambda x: x[None], arguments))
        return tf.nest.map_structure(lambda x: x[0], outputs)

    user = tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape[1:], x.dtype), tensors)
    outputs = tf.function(one, autograph=False).get_concrete_function(user).structured_outputs
    signature = tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), outputs)
    return tf.map_fn(one, tensors, fn_output_signature=signature)
