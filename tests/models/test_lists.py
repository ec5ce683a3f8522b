"""Metrics within lists: against loops over all orders of ties, and on labels without any signal."""

from __future__ import annotations

import itertools

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from models import lists, metrics

METRICS = {"gauc": lists.gauc, "uauc": lists.uauc, "ndcg": lists.ndcg, "mrr": lists.mrr}


@st.composite
def targets(draw, most=24):
    """Labels, scores with many ties, users and requests, [N] each."""
    rows = draw(
        st.lists(
            st.tuples(st.integers(0, 1), st.integers(0, 3), st.integers(0, 3), st.integers(-2, 2)),
            max_size=most,
        )
    )
    columns = np.array(rows, np.int64).reshape(-1, 4).T
    return columns[0].astype(float), columns[1] / 4, columns[2], columns[3]


def groups(*keys):
    """Row numbers by key."""
    found = {}
    for row, key in enumerate(zip(*(k.tolist() for k in keys), strict=True)):
        found.setdefault(key, []).append(row)
    return found


def orders(label, score):
    """Every order of a list in which no worse score stands before a better one."""
    for order in itertools.permutations(range(len(label))):
        if all(score[a] >= score[b] for a, b in itertools.pairwise(order)):
            yield [label[row] for row in order]


def ndcg_of(order):
    gain = sum(label / np.log2(place + 2) for place, label in enumerate(order[:10]))
    best = sum(1 / np.log2(place + 2) for place in range(min(10, int(sum(order)))))
    return gain / best


def by_loops(label, score, user, request):
    """Numerators and denominators by metric and user, by the letter."""
    found = {name: {} for name in METRICS}
    for (who,), mine in groups(user).items():
        right = pairs = count = 0
        of_lists = {"ndcg": [], "mrr": []}
        for rows in groups(request[mine]).values():
            rows = [mine[row] for row in rows]
            clicks = [row for row in rows if label[row] == 1]
            skips = [row for row in rows if label[row] == 0]
            if not clicks or not skips:
                continue
            count += len(rows)
            for c, s in itertools.product(clicks, skips):
                right += (score[c] > score[s]) + (score[c] == score[s]) / 2
                pairs += 1
            every = list(orders(label[rows], score[rows]))
            of_lists["ndcg"].append(np.mean([ndcg_of(order) for order in every]))
            of_lists["mrr"].append(np.mean([1 / (order.index(1) + 1) for order in every]))
        auc = right / pairs if pairs else 0
        found["gauc"][who] = (count * auc, count)
        found["uauc"][who] = (auc, float(pairs > 0))
        for name, values in of_lists.items():
            found[name][who] = (sum(values), len(values))
    return found


def ranking(label, score, user, request):
    return lists.ranked(label, score, user, lists.list_ids(user, request))


@hypothesis.settings(deadline=None)
@hypothesis.given(targets())
def test_sums_by_user_are_those_of_loops_over_lists_and_orders_of_ties(data):
    user, request = data[2:]
    hypothesis.assume(max(map(len, groups(user, request).values()), default=0) <= 6)
    truth = by_loops(*data)
    found = ranking(*data)
    for name, sums in METRICS.items():
        expected = np.array([truth[name][who] for who in sorted(truth[name])]).reshape(-1, 2).T
        np.testing.assert_allclose(sums(found), expected, rtol=1e-12, atol=1e-12, err_msg=name)


@hypothesis.given(targets(60), st.randoms())
def test_the_order_of_targets_and_the_scale_of_scores_do_not_matter(data, random):
    order = list(range(len(data[0])))
    random.shuffle(order)
    label, score, user, request = (column[order] for column in data)
    for sums in METRICS.values():
        np.testing.assert_allclose(
            sums(ranking(label, np.exp(score) * 7, user * 9 - 4, request)), sums(ranking(*data))
        )


def mean(sums):
    return sums[0].sum() / sums[1].sum()


@pytest.mark.parametrize("size", [2, 11, 400])
def test_equal_scores_get_what_chance_gets(size):
    """A list of one click: the mean over its places; no order of the input helps."""
    for place in (0, size - 1):
        label = (np.arange(size) == place).astype(float)
        found = ranking(label, np.full(size, 0.3), np.zeros(size), np.zeros(size, np.int64))
        places = np.arange(1, size + 1)
        assert mean(lists.gauc(found)) == mean(lists.uauc(found)) == 0.5
        assert mean(lists.mrr(found)) == pytest.approx((1 / places).mean())
        gains = np.where(places <= 10, 1 / np.log2(places + 1), 0)
        assert mean(lists.ndcg(found)) == pytest.approx(gains.mean())


def test_mrr_of_many_tied_clicks_is_the_mean_over_draws():
    label = np.r_[0.0, 0.0, np.ones(70), np.zeros(230), 1.0]
    score = np.r_[0.9, 0.8, np.full(300, 0.5), 0.1]
    random = np.random.default_rng(0)
    drawn = [1 / (3 + np.argmax(random.permutation(label[2:302]))) for _ in range(20_000)]
    found = ranking(label, score, np.zeros(303), np.zeros(303, np.int64))
    assert mean(lists.mrr(found)) == pytest.approx(np.mean(drawn), rel=0.01)


@hypothesis.given(targets(40))
def test_the_protocol_is_requests_where_they_tell_of_half_of_the_rarer_label(data):
    label, _, user, request = data
    rarer = 1 if 2 * label.sum() <= len(label) else 0

    def told(*keys):
        mixed = [rows for rows in groups(*keys).values() if 0 < label[rows].sum() < len(rows)]
        return sum((label[rows] == rarer).sum() for rows in mixed)

    wanted = "request" if 2 * told(user, request) >= told(user) else "frozen"
    assert lists.protocol(user, request, label) == wanted
    assert lists.protocol(np.array([f"u{u}" for u in user], object), request, label) == wanted


def test_the_protocol_of_logs_as_they_are():
    random = np.random.default_rng(0)
    users = np.repeat(np.arange(50), 60)
    rare = (random.random(3000) < 0.03).astype(float)
    assert lists.protocol(users, np.tile(np.arange(60) // 10, 50), rare) == "request"
    often = (random.random(3000) < 0.6).astype(float)
    assert lists.protocol(users, np.tile(np.arange(60), 50), often) == "frozen"
    assert lists.protocol(users, np.tile(np.arange(60), 50), np.ones(3000)) == "request"
    assert lists.protocol(users[:0], users[:0], rare[:0]) == "request"


def count_the_clicks(targets, users=800, seed=0):
    """Coin flips, and a score that knows only how many of a user's targets were clicked so far."""
    label = (np.random.default_rng(seed).random((users, targets)) < 0.5).astype(float)
    score = -(np.cumsum(label, 1) - label) + 0.5 * np.arange(targets)
    return label, score, np.repeat(np.arange(users), targets)


@pytest.mark.parametrize("count", [4, 10, 20])
def test_who_only_counts_clicks_learns_nothing_by_either_protocol(count):
    label, score, user = count_the_clicks(count)
    flat = label.ravel()
    assert metrics.gauc_over_time(flat, score.ravel(), user) > 0.6
    # Frozen: all targets of a user see the clicks before the first of them, which are none.
    frozen = metrics.Predictions(
        flat, score.ravel(), user, np.arange(len(flat)), frozen=np.repeat(score[:, 0], count)
    )
    # Requests of two: both see the clicks before the first of the two.
    within = np.repeat(score[:, ::2], 2, axis=1).ravel()
    requests = np.tile(np.arange(count) // 2, len(label))
    random = np.random.default_rng(1)
    for scored in (frozen, metrics.Predictions(flat, within, user, requests)):
        for sums in (lists.gauc, lists.uauc):
            assert mean(sums(scored.ranking)) == pytest.approx(0.5, abs=1e-12)
    # And with something random to rank by, chance is all that is left.
    shaken = metrics.Predictions(flat, within + random.normal(size=len(flat)), user, requests)
    assert mean(lists.gauc(shaken.ranking)) == pytest.approx(0.5, abs=0.03)


def test_lists_never_mix_users_or_requests():
    ids = lists.list_ids(np.array([b"b", b"a", b"a", b"b"], object), np.array([1, 1, 2, 1]))
    assert ids.tolist() == [2, 0, 1, 2]
