"""The head of all models: from what is known of a target to the logit of each label."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf
import tensorflow_recommenders as tfrs

from models.config import FrameConfig


class Head(tf.keras.layers.Layer):
    """TFRS Cross layers, experts that all labels share, and a tower for each label.

    One expert, the default, is a shared bottom. With several, each tower reads a mixture of them,
    whose weights are a softmax of the rows (MMoE: Ma et al., Modeling Task Relationships in
    Multi-task Learning with Multi-gate Mixture-of-Experts, KDD 2018).

    Args:
      config: hyper-parameters of the frame.
      labels: how many.
    """

    def __init__(self, config: FrameConfig, labels: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.cross = [tfrs.layers.dcn.Cross() for _ in range(config.cross_layers)]
        self.experts = [
            Mlp(config.mlp_units, config.dropout, name=f"expert_{i}")
            for i in range(config.num_experts)
        ]
        self.gates = [
            tf.keras.layers.Dense(config.num_experts, activation="softmax", name=f"gate_{i}")
            for i in range(labels if config.num_experts > 1 else 0)
        ]
        units = config.tower_units if labels > 1 else ()
        self.towers = [Mlp(units, config.dropout, name=f"tower_{i}") for i in range(labels)]
        self.logits = [
            tf.keras.layers.Dense(1, dtype=tf.float32, name=f"logit_{i}") for i in range(labels)
        ]

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns logits [N, labels] float32 of rows [N, D]."""
        x0 = x
        for layer in self.cross:
            x = layer(x0, x)
        found = [expert(x, training=training) for expert in self.experts]
        shared = [found[0]] * len(self.towers)
        if self.gates:
            experts = tf.stack(found, 1)
            shared = [tf.einsum("ne,nex->nx", gate(x), experts) for gate in self.gates]
        logits = [
            logit(tower(row, training=training))
            for tower, logit, row in zip(self.towers, self.logits, shared, strict=True)
        ]
        return tf.concat(logits, 1) if len(logits) > 1 else logits[0]


class Mlp(tf.keras.layers.Layer):
    """Dense layers, each followed by dropout; without any it returns what it is given."""

    def __init__(self, units: Sequence[int], dropout: float, **kwargs):
        super().__init__(**kwargs)
        self.dense = [tf.keras.layers.Dense(width, activation="relu") for width in units]
        self.dropout = tf.keras.layers.Dropout(dropout)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns rows [N, units[-1]] of rows [N, D]."""
        for layer in self.dense:
            x = self.dropout(layer(x), training=training)
        return x
