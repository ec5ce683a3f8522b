"""Search units against literal loops: order, ties, fewer than K, nothing visible."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models.layers import (
    CategorySearch,
    ConsistentSearch,
    HammingSearch,
    InnerProductSearch,
    RecencySearch,
    Selection,
    Window,
)
from models.layers.round_robin import round_robin
from models.layers.search import best

B, T, L, K = 2, 3, 9, 4


def draw_window(rng):
    first = rng.integers(0, L + 1, (B, T))
    stop = rng.integers(first, L + 1)
    first[0, 0], stop[0, 0] = 0, L
    return Window(tf.constant(first, tf.int32), tf.constant(stop, tf.int32))


def chosen(selection: Selection):
    """The set of chosen positions of each target; each at most once."""
    out = np.empty((B, T), object)
    for b, t in np.ndindex(B, T):
        found = selection.positions.numpy()[b, t][selection.valid.numpy()[b, t]].tolist()
        assert found == sorted(set(found))  # newest first
        out[b, t] = set(found)
    return out


def expected(scores, window, count=K):
    """The best visible positions; among equals the more recent, which has the lower index."""
    out = np.empty((B, T), object)
    for b, t in np.ndindex(B, T):
        seen = range(window.first.numpy()[b, t], window.stop.numpy()[b, t])
        seen = [p for p in seen if scores[b, t, p] > -np.inf]
        out[b, t] = set(sorted(seen, key=lambda p: (-scores[b, t, p], p))[:count])
    return out


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", ["inner", "hamming", "category", "recency", "shared"])
def test_search_finds_the_best_visible(kind, seed):
    rng = np.random.default_rng(seed)
    window = draw_window(rng)
    small = rng.integers(-2, 3, (B, T, 3)).astype(np.float32)  # whole numbers: many ties
    keys = rng.integers(-2, 3, (B, L, 3)).astype(np.float32)
    if kind == "inner":
        unit, arguments = InnerProductSearch(K), (small, keys)
        scores = np.einsum("btd,bld->btl", small, keys)
    elif kind == "hamming":
        unit = HammingSearch(K)
        arguments = np.where(small >= 0, 1, -1.0)[:, :, None], np.where(keys >= 0, 1, -1.0)
        scores = (arguments[0] == arguments[1][:, None]).sum(-1)
    elif kind == "category":
        arguments = rng.integers(0, 3, (B, T)), rng.integers(0, 3, (B, L))
        unit = CategorySearch(K)
        scores = np.where(arguments[0][:, :, None] == arguments[1][:, None], 0, -np.inf)
    elif kind == "recency":
        unit, arguments, scores = RecencySearch(K), (small, keys), np.zeros((B, T, L))
    else:
        heads = rng.integers(-2, 3, (B, T, 2, 3)).astype(np.float32)
        unit, arguments = ConsistentSearch(K), (heads, keys)
        scores = np.einsum("bthd,bld->btl", heads, keys)
    if kind != "category":
        arguments = [np.asarray(x, np.float32) for x in arguments]
    selection = unit(*map(tf.constant, arguments), window)
    if kind == "hamming":
        selection = Selection(*(x[:, :, 0] for x in selection))
    assert (chosen(selection) == expected(scores, window)).all()
    assert not selection.positions.numpy()[~selection.valid.numpy()].any()


def literal_round_robin(ranked, count):
    """Turn by turn through the heads' lists, as TWIN's section 4.3 says it."""
    found = []
    for rank in range(max((len(head) for head in ranked), default=0)):
        for head in ranked:
            if rank < len(head) and head[rank] not in found and len(found) < count:
                found.append(head[rank])
    return found


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, L))
def test_round_robin_over_heads_is_the_literal_one(seed, num_heads, count):
    rng = np.random.default_rng(seed)
    window = draw_window(rng)
    queries = rng.integers(-2, 3, (B, T, num_heads, 3)).astype(np.float32)
    keys = rng.integers(-2, 3, (B, L, 3)).astype(np.float32)
    unit = ConsistentSearch(count, per_head=True)
    selection = unit(tf.constant(queries), tf.constant(keys), window)
    scores = np.einsum("bthd,bld->bthl", queries, keys)
    for b, t in np.ndindex(B, T):
        seen = range(window.first.numpy()[b, t], window.stop.numpy()[b, t])
        ranked = [
            sorted(seen, key=lambda p, h=h: (-scores[b, t, h, p], p))[:count]
            for h in range(num_heads)
        ]
        assert chosen(selection)[b, t] == set(literal_round_robin(ranked, count))


@pytest.mark.parametrize("length", [300, 40_000])
def test_of_equal_scores_the_most_recent_in_graphs_that_do_not_know_shapes(length):
    rng = np.random.default_rng(length)
    scores = rng.integers(0, 5, (2, 2, length)).astype(np.float32)
    first = np.array([[0, 7], [length - 5, length]], np.int32)
    stop = np.array([[length, length // 2], [length, length]], np.int32)
    arguments = [tf.constant(x) for x in (scores, first, stop)]
    program = tf.function(
        lambda scores, *edges: best(scores, Window(*edges), 50),
        input_signature=[tf.TensorSpec([None] * len(x.shape), x.dtype) for x in arguments],
    )
    positions, valid = (x.numpy() for x in program(*arguments))
    for b, t in np.ndindex(2, 2):
        seen = range(first[b, t], stop[b, t])
        expected = sorted(sorted(seen, key=lambda p: (-scores[b, t, p], p))[:50])
        assert positions[b, t][valid[b, t]].tolist() == expected


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("length", [300, 1_001])  # in one piece; in blocks, the last of them short
def test_round_robin_in_graphs_that_know_shapes_and_that_do_not(known, length):
    rng = np.random.default_rng(length)
    queries = rng.integers(-3, 4, (2, 2, 3, 4)).astype(np.float32)
    keys = rng.integers(-3, 4, (2, length, 4)).astype(np.float32)
    first = np.array([[0, 7], [length - 5, length]], np.int32)
    stop = np.array([[length, length // 2], [length, length]], np.int32)
    unit = ConsistentSearch(20, per_head=True)
    arguments = [tf.constant(x) for x in (queries, keys, first, stop)]
    free = [[None, None, 3, 4], [None, None, 4], [None, None], [None, None]]
    program = tf.function(
        lambda queries, keys, *edges: unit(queries, keys, Window(*edges)),
        input_signature=[
            tf.TensorSpec(x.shape if known else shape, x.dtype)
            for x, shape in zip(arguments, free, strict=True)
        ],
    )
    positions, valid = (x.numpy() for x in program(*arguments))
    scores = np.einsum("bthd,bld->bthl", queries, keys)
    for b, t in np.ndindex(2, 2):
        seen = range(first[b, t], stop[b, t])
        ranked = [sorted(seen, key=lambda p, head=head: (-head[p], p)) for head in scores[b, t]]
        expected = sorted(literal_round_robin(ranked, 20))
        assert positions[b, t][valid[b, t]].tolist() == expected


def test_round_robin_by_hand():
    positions = tf.constant([[[[7, 3, 5], [7, 5, 2]]]])
    selection = round_robin(
        positions, tf.zeros_like(positions) + tf.range(3), tf.zeros([1, 1, 2, 8])
    )
    assert selection.positions.numpy().tolist() == [[[3, 5, 7]]]


@pytest.mark.parametrize("per_head", [False, True])
def test_search_passes_no_gradient_and_compiles(per_head):
    rng = np.random.default_rng(0)
    window = draw_window(rng)
    queries = tf.constant(rng.normal(size=(B, T, 2, 3)), tf.float32)
    keys = tf.constant(rng.normal(size=(B, L, 3)), tf.float32)
    unit = ConsistentSearch(K, per_head)
    with tf.GradientTape() as tape:
        tape.watch([queries, keys])
        selection = unit(queries, keys, window)
        loss = tf.reduce_sum(tf.cast(selection.positions, tf.float32))
    assert tape.gradient(loss, [queries, keys]) == [None, None]
    compiled = tf.function(unit, jit_compile=True)(queries, keys, window)
    assert (chosen(compiled) == chosen(selection)).all()
