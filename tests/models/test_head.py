"""The head of several labels, against numpy."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from models.head import Head
from tests.models.small_models import config

ROWS = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)


def dense(layer: tf.keras.layers.Dense, x: np.ndarray) -> np.ndarray:
    return x @ layer.kernel.numpy() + layer.bias.numpy()


def test_one_label_has_no_tower_and_no_gate():
    head = Head(config("din", cross_layers=0, mlp_units=[8], tower_units=[3]))
    found = head(tf.constant(ROWS))
    assert len(head.trainable_variables) == 4  # of the MLP and of the logit
    hidden = np.maximum(dense(head.experts[0].dense[0], ROWS), 0)
    np.testing.assert_allclose(found, dense(head.logits[0], hidden), rtol=1e-5, atol=1e-6)


def test_towers_read_a_mixture_of_the_experts():
    head = Head(config("din", cross_layers=0, mlp_units=[8], tower_units=[3], num_experts=2), 2)
    found = head(tf.constant(ROWS)).numpy()
    assert found.shape == (5, 2)
    experts = [np.maximum(dense(expert.dense[0], ROWS), 0) for expert in head.experts]
    for label in range(2):
        weights = np.exp(dense(head.gates[label], ROWS))
        weights /= weights.sum(1, keepdims=True)
        mixture = sum(weights[:, [e]] * experts[e] for e in range(2))
        hidden = np.maximum(dense(head.towers[label].dense[0], mixture), 0)
        expected = dense(head.logits[label], hidden)[:, 0]
        np.testing.assert_allclose(found[:, label], expected, rtol=1e-4, atol=1e-6)


def test_one_expert_is_shared_by_all_towers():
    head = Head(config("din", cross_layers=0, mlp_units=[8], tower_units=[]), 3)
    found = head(tf.constant(ROWS)).numpy()
    hidden = np.maximum(dense(head.experts[0].dense[0], ROWS), 0)
    expected = np.concatenate([dense(logit, hidden) for logit in head.logits], 1)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
