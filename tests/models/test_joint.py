"""The chance of both of two labels, against the product of their chances."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from models.joint import both, joint_logits
from models.label_config import LabelTask, LabelTasks


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.asarray(x, np.float64)))


def test_both_is_the_logit_of_the_product():
    # 0.5 * 0.5 = 0.25, whose logit is -log 3; 0.8 * 0.5 = 0.4, -log 1.5.
    found = both(tf.constant([0.0, np.log(4.0)], tf.float32), tf.zeros([2]))
    np.testing.assert_allclose(found, [-np.log(3.0), -np.log(1.5)], rtol=1e-6)
    rng = np.random.default_rng(0)
    first, second = rng.normal(0, 4, (2, 100))
    found = both(tf.constant(first, tf.float32), tf.constant(second, tf.float32))
    np.testing.assert_allclose(sigmoid(found), sigmoid(first) * sigmoid(second), rtol=2e-5)


def test_both_is_exact_where_the_product_rounds():
    # Of chances within 1e-40 of 1 the product's logit is that of the sum of the gaps.
    found = both(tf.constant([90.0, 90.0, -90.0, 200.0]), tf.constant([90.0, 30.0, -80.0, 200.0]))
    np.testing.assert_allclose(found, [90 - np.log(2), 30, -170, 200 - np.log(2)], rtol=1e-6)


def test_gradients_reach_both_and_are_those_of_the_product():
    first, second = tf.constant(0.3), tf.constant(-1.2)
    with tf.GradientTape() as tape:
        tape.watch([first, second])
        loss = -tf.math.log_sigmoid(both(first, second))  # of a target that has both
    found = tape.gradient(loss, [first, second])
    # d/da -log(s(a) s(b)) = s(a) - 1
    np.testing.assert_allclose(found, [sigmoid(0.3) - 1, sigmoid(-1.2) - 1], rtol=1e-5)


def test_labels_are_chained_in_any_order():
    labels = LabelTasks(
        primary="click",
        others={
            "buy": LabelTask(given="cart"),
            "like": LabelTask(),
            "cart": LabelTask(given="click"),
        },
    )
    logits = np.random.default_rng(1).normal(0, 1, (5, 3, 4)).astype(np.float32)
    click, buy, like, cart = np.moveaxis(sigmoid(logits), -1, 0)
    found = np.moveaxis(sigmoid(joint_logits(tf.constant(logits), labels)), -1, 0)
    np.testing.assert_allclose(found, [click, click * cart * buy, like, click * cart], rtol=1e-5)


def test_without_given_logits_are_their_own():
    logits = tf.constant([[1.0, 2.0]])
    assert joint_logits(logits, LabelTasks(primary="a", others={"b": LabelTask()})) is logits
