"""The agreement cutoff against a literal loop over bits."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models.layers import AgreementSearch, Selection, Window

B, T, G, L, BITS = 2, 3, 2, 40, 12


def draw(seed):
    rng = np.random.default_rng(seed)
    queries, keys = (rng.choice([-1.0, 1.0], shape) for shape in ((B, T, G, BITS), (B, L, BITS)))
    first = rng.integers(0, L + 1, (B, T))
    stop = rng.integers(first, L + 1)
    first[0, 0], stop[0, 0] = 0, L
    arrays = [x.astype(np.float32) for x in (queries, keys)]
    return arrays, [x.astype(np.int32) for x in (first, stop)]


def by_loops(queries, keys, first, stop, count, margin):
    """The positions of each query's search, newest first."""
    found = np.empty((B, T, G), object)
    for b, t, g in np.ndindex(B, T, G):
        differing = {
            p: sum(x != y for x, y in zip(queries[b, t, g], keys[b, p], strict=True))
            for p in range(first[b, t], stop[b, t])
        }
        nearest = sorted(differing, key=lambda p: (differing[p], p))[:count]
        found[b, t, g] = sorted(
            p for p in nearest if differing[p] - differing[nearest[0]] <= margin
        )
    return found


def check(selection: Selection, expected):
    positions, valid = (x.numpy() for x in selection)
    for place, found in np.ndenumerate(expected):
        count = len(found)
        assert positions[place][:count].tolist() == found
        assert valid[place].tolist() == [True] * count + [False] * (len(valid[place]) - count)
        assert not positions[place][count:].any()


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, L), st.sampled_from([0, 1, 2.5, 4, BITS]))
def test_keeps_what_agrees_about_as_well_as_the_best(seed, count, margin):
    arrays, edges = draw(seed)
    window = Window(*map(tf.constant, edges))
    selection = AgreementSearch(count, margin)(*map(tf.constant, arrays), window)
    check(selection, by_loops(*arrays, *edges, count, margin))


@pytest.mark.parametrize("known", [False, True])
def test_in_graphs_that_know_shapes_and_that_do_not(known):
    arrays, edges = draw(1)
    unit = AgreementSearch(9, 2)
    free = [[None, None, G, BITS], [None, None, BITS], [None, None], [None, None]]
    program = tf.function(
        lambda queries, keys, *edges: unit(queries, keys, Window(*edges)),
        input_signature=[
            tf.TensorSpec(x.shape if known else shape, x.dtype)
            for x, shape in zip([*arrays, *edges], free, strict=True)
        ],
    )
    selection = program(*map(tf.constant, [*arrays, *edges]))
    check(selection, by_loops(*arrays, *edges, 9, 2))


def test_two_bits_by_hand():
    keys = [[1, 1, 1, 1], [1, 1, 1, -1], [1, 1, -1, -1], [-1, -1, -1, -1]]
    query = tf.ones([1, 1, 1, 4])
    window = Window(tf.constant([[1]]), tf.constant([[4]]))  # the one that agrees fully is hidden
    found = AgreementSearch(3, 1)(query, tf.constant([keys], tf.float32), window)
    assert found.positions.numpy().tolist() == [[[[1, 2, 0]]]]
    assert found.valid.numpy().tolist() == [[[[True, True, False]]]]
