"""The search by attention mass against a literal softmax."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models.layers import MassSearch, Window
from tests.models.layers.test_search import B, K, L, T, chosen, draw_window, expected


def by_loops(queries, keys, window):
    """Each behaviour's share of the attention over what is seen, mean over heads."""
    mass = np.full((B, T, L), -np.inf)
    for b, t in np.ndindex(B, T):
        first, stop = (edge.numpy()[b, t] for edge in window)
        if first < stop:
            alpha = queries[b, t] @ keys[b, first:stop].T
            weights = np.exp(alpha - alpha.max(-1, keepdims=True))
            mass[b, t, first:stop] = (weights / weights.sum(-1, keepdims=True)).mean(0)
    return mass


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("compiled", [False, True])
def test_finds_what_gets_most_attention(seed, compiled):
    rng = np.random.default_rng(seed)
    window = draw_window(rng)
    queries = rng.normal(size=(B, T, 3, 5)).astype(np.float32)
    keys = rng.normal(size=(B, L, 5)).astype(np.float32)
    search = MassSearch(K)
    program = tf.function(lambda q, k, w: search(q, k, w)) if compiled else search
    selection = program(tf.constant(queries), tf.constant(keys), window)
    assert (chosen(selection) == expected(by_loops(queries, keys, window), window)).all()


def test_a_sure_head_counts_more_than_one_that_hardly_tells_behaviors_apart():
    """By mean relevance the first would win, in turn through the lists both."""
    queries = tf.constant([[[[1.0, 0, 0], [0, 1, 0]]]])
    keys = tf.constant([[[0.3, 0.9, 0], [9.0, -9.0, 0], [0, 0, 0], [0.2, 0.8, 0]]])
    window = Window(tf.constant([[0]]), tf.constant([[4]]))
    assert MassSearch(1)(queries, keys, window).positions.numpy().tolist() == [[[1]]]


def test_shares_too_small_for_a_float_are_told_apart():
    queries = tf.constant([[[[100.0]]]])
    keys = tf.constant([[[-4.0], [-3.0], [-5.0], [10.0]]])
    window = Window(tf.constant([[0]]), tf.constant([[4]]))
    assert MassSearch(2)(queries, keys, window).positions.numpy().tolist() == [[[1, 3]]]
