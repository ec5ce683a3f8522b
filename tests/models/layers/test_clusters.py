"""Clusters against seats that are given out one by one."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import numpy as np
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from models.layers.clusters import Clusters


def literal_clusters(groups, order, count):
    """The clusters of one row, as lists of places, in the order of what they hold."""
    sorted_ = sorted(range(len(groups)), key=lambda i: (groups[i], order[i], i))
    names = sorted(set(groups))
    members = {g: [i for i in sorted_ if groups[i] == g] for g in names}
    seats = dict.fromkeys(names, 0)
    for _ in range(count):

        def due(g):
            without = seats[g] == 0
            return without, Fraction(len(members[g]), 1 if without else seats[g]), -g

        wanting = [g for g in names if seats[g] < len(members[g])]
        seats[max(wanting, key=due)] += 1
    runs, waiting = [], []
    for g in names:
        size = len(members[g])
        if not seats[g]:  # joins the cluster before it, or, without one, the next
            (runs[-1] if runs else waiting).extend(members[g])
            continue
        cut = [[] for _ in range(seats[g])]
        for rank, i in enumerate(members[g]):
            cut[rank * seats[g] // size].append(i)
        runs += cut
    runs[0] = waiting + runs[0]
    return runs


def of(groups, order, count):
    found = Clusters.of(tf.constant([groups], tf.int32), tf.constant([order], tf.int64), count)
    return found.places.numpy()[0].tolist(), found.sizes.numpy()[0].tolist()


def test_a_group_gets_as_many_clusters_as_keep_the_largest_small():
    # Five of group 7, two of 3, one of 9: of four clusters 7 gets two, and not 3.
    groups = [7, 3, 7, 9, 7, 7, 3, 7]
    order = [5, 1, 4, 0, 5, 8, 0, 5]
    # 3: [6, 1]; 7: [2, 0, 4] and [5] ... by order 4, 5, 5 | 5, 8: places 2, 0, 4 | 7, 5; 9: [3].
    assert of(groups, order, 4) == ([6, 0, 7, 3], [2, 3, 2, 1])


def test_the_smallest_groups_join_the_cluster_before_them():
    groups = [1, 2, 2, 3, 4, 4, 4]
    assert of(groups, [0] * 7, 2) == ([1, 5], [4, 3])  # 1 and 3 join 2: [0, 1, 2, 3] and [4, 5, 6]


@given(st.data(), st.lists(st.integers(0, 6), min_size=1, max_size=24))
def test_clusters_are_what_loops_say(data, groups):
    order = data.draw(
        st.lists(st.integers(0, 2**36 - 1), min_size=len(groups), max_size=len(groups))
        | st.lists(st.integers(0, 3), min_size=len(groups), max_size=len(groups))
    )
    count = data.draw(st.integers(1, len(groups)))
    places, sizes = of(groups, order, count)
    runs = literal_clusters(groups, order, count)
    assert sizes == [len(run) for run in runs]
    assert places == [run[(len(run) - 1) // 2] for run in runs]
    if len(set(groups)) <= count:
        assert all(len({groups[i] for i in run}) == 1 for run in runs)
        # No way to give them out has a smaller largest cluster.
        smaller = max(sizes) - 1
        needed = sum(-(-n // smaller) for n in Counter(groups).values()) if smaller else np.inf
        assert needed > count


@given(st.lists(st.integers(0, 2), min_size=1, max_size=15), st.integers(0, 2**27 - 1))
def test_what_most_members_are_stands_for_a_cluster(order, group):
    (place,), (size,) = of([group] * len(order), order, 1)
    assert size == len(order)
    value, times = Counter(order).most_common(1)[0]
    assert 2 * times <= size or order[place] == value


def test_rows_do_not_mix_and_there_may_be_none():
    groups = tf.constant([[1, 1, 2, 2], [5, 4, 4, 4]])
    found = Clusters.of(groups, tf.zeros([2, 4], tf.int64), 2)
    np.testing.assert_array_equal(found.places, [[0, 2], [2, 0]])
    np.testing.assert_array_equal(found.sizes, [[2, 2], [3, 1]])
    assert Clusters.of(groups[:0], tf.zeros([0, 4], tf.int64), 2).sizes.shape == (0, 2)
