"""The chance of a label that needs another one."""

from __future__ import annotations

import tensorflow as tf

from models.label_config import LabelTasks


def joint_logits(logits: tf.Tensor, labels: LabelTasks) -> tf.Tensor:
    """Turns the logits of labels given others into those of having both.

    Args:
      logits: [..., labels], in the order of `labels.names`: of each label, if it has what it needs.
      labels: which needs which.
    """
    if all(task.given is None for task in labels.others.values()):
        return logits
    own = dict(zip(labels.names, tf.unstack(logits, axis=-1), strict=True))
    found: dict[str, tf.Tensor] = {}

    def of(name: str) -> tf.Tensor:
        if name not in found:
            given = labels.others[name].given if name in labels.others else None
            found[name] = own[name] if given is None else both(of(given), own[name])
        return found[name]

    return tf.stack([of(name) for name in labels.names], -1)


def both(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """The logit of `sigmoid(first) * sigmoid(second)`, of any shape.

    From `1 / p = (1 + e^-a) (1 + e^-b)` follows `logit(p) = -log(e^-a + e^-b + e^-(a + b))`, which
    is exact where the product itself rounds to 0 or 1. Training by it is ESMM's entire-space loss
    (Ma et al., Entire Space Multi-Task Model, SIGIR 2018, arXiv 1804.07931).
    """
    return -tf.reduce_logsumexp(tf.stack([-first, -second, -first - second]), axis=0)
