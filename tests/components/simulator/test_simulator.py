"""The log that is simulated: its columns, times, and what its clicks depend on."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.simulator import ClickWeights, SimulatorConfig, simulate
from components.simulator.simulator import CAUSES, CLICKED, SEARCHED

SMALL = SimulatorConfig(users=12, median_history=80, max_history=120, targets_per_user=9)
LARGE = SimulatorConfig(users=150, weights=ClickWeights(interest=0.5, session=0.3, taste=0.2))
ALL = SimulatorConfig(
    users=6,
    median_history=700,
    max_history=900,
    targets_per_user=20,
    habit_share=0.4,
    weights=dict.fromkeys(CAUSES, 1),
)
FURTHER = ["author", "age", "tab"]


@pytest.fixture(scope="module")
def small() -> pa.Table:
    return simulate(SMALL)


@pytest.fixture(scope="module")
def large() -> dict[str, np.ndarray]:
    return columns(simulate(LARGE, explain=True))


def columns(table: pa.Table) -> dict[str, np.ndarray]:
    return {name: table[name].to_numpy() for name in table.column_names}


def logits(log: dict[str, np.ndarray]) -> np.ndarray:
    """What each cause adds, [N, 8]."""
    return np.stack([log[f"logit_{cause}"] for cause in CAUSES], axis=1)


def test_the_same_seed_gives_the_same_log(small):
    assert simulate(SMALL).equals(small)
    assert not simulate(SMALL.model_copy(update={"seed": 8})).equals(small)


@given(st.lists(st.integers(0, SMALL.users), max_size=4))
def test_every_partition_of_the_users_gives_the_same_log(cuts):
    edges = [0, *sorted(cuts), SMALL.users]
    parts = [simulate(SMALL, range(a, b)) for a, b in itertools.pairwise(edges)]
    assert pa.concat_tables(parts).combine_chunks().equals(simulate(SMALL))


def test_explaining_changes_nothing_else(small):
    explained = simulate(SMALL, explain=True)
    names = ["interest", "session", "taste", "context", "habit", *FURTHER]
    assert explained.column_names[11:] == [f"logit_{name}" for name in names]
    assert explained.select(small.column_names).equals(small)


def test_columns_and_types(small):
    integers = ["user_id", "item_id", "category_id", "time", "behavior", "request", "label"]
    expected = [(name, pa.int64()) for name in integers] + [("click_probability", pa.float64())]
    expected += [(name, pa.int64()) for name in FURTHER]
    assert [(field.name, field.type) for field in small.schema] == expected
    assert [small[name].null_count for name in integers[:5]] == [0] * 5


def test_the_last_impressions_of_each_user_are_the_targets(small):
    for user in range(SMALL.users):
        rows = small.filter(pa.compute.equal(small["user_id"], user)).to_pylist()
        impressions = [row for row in rows if row["behavior"] != SEARCHED]
        targets = impressions[-SMALL.targets_per_user :]
        assert len(impressions) - len(targets) <= SMALL.max_history
        assert [row for row in rows if row["label"] is not None] == targets
        assert [row for row in rows if row["click_probability"] is not None] == targets
        assert all(row["label"] == row["behavior"] for row in targets)
        assert all(0 < row["click_probability"] < 1 for row in targets)


def test_histories_are_long_and_bounded(large):
    impressions = np.bincount(large["user_id"], large["behavior"] != SEARCHED)
    history = impressions - LARGE.targets_per_user
    assert history.max() == LARGE.max_history
    assert abs(np.median(history) / LARGE.median_history - 1) < 0.1


def test_sessions_start_with_searches_after_a_real_gap(small):
    for user in range(SMALL.users):
        rows = small.filter(pa.compute.equal(small["user_id"], user)).to_pylist()
        rank, searched = 0, []
        for before, row in zip([None, *rows[:-1]], rows, strict=True):
            if before is None or row["time"] - before["time"] > 1800:
                rank, searched = 0, []
            else:
                together = (rank + 1 - SMALL.searches) % SMALL.list_length
                if rank + 1 > SMALL.searches and together:
                    assert (row["time"], row["request"]) == (before["time"], before["request"])
                else:
                    assert 1 <= row["time"] - before["time"] <= 900
                    assert row["request"] is None or row["request"] != before["request"]
                rank += 1
            assert (row["request"] is None) == (rank < SMALL.searches)
            assert (row["behavior"] == SEARCHED) == (rank < SMALL.searches)
            if rank < SMALL.searches:
                assert row["category_id"] not in searched
                searched.append(row["category_id"])


@pytest.mark.parametrize("sessions_per_day", [0.05, 5.0])
def test_sessions_never_run_into_each_other(sessions_per_day):
    config = SimulatorConfig(users=20, sessions_per_day=sessions_per_day, session_length=10)
    log = columns(simulate(config))
    gaps = np.diff(log["time"])[np.diff(log["user_id"]) == 0]
    requests = log["request"][1:] != log["request"][:-1]  # NaN of a search: is like no other
    assert gaps[requests[np.diff(log["user_id"]) == 0]].min() >= 1
    assert not ((gaps > 900) & (gaps <= 1800)).any()


def test_a_list_is_one_request_without_an_item_twice(large):
    shown = large["behavior"] != SEARCHED
    user, request = large["user_id"][shown], large["request"][shown].astype(int)
    key = np.stack([user, request])
    lists, size = np.unique(key, axis=1, return_counts=True)
    assert size.max() == LARGE.list_length
    assert np.median(size) == LARGE.list_length
    assert np.unique(np.append(key, [large["time"][shown]], 0), axis=1).shape == (3, len(size))
    assert np.unique(np.append(key, [large["item_id"][shown]], 0), axis=1).shape[1] == sum(size)
    for one in range(5):
        mine = lists[1, lists[0] == one]
        assert mine.tolist() == list(range(len(mine)))  # numbered from 0 on
    assert (np.diff(request)[np.diff(user) == 0] >= 0).all()


def test_lists_of_one_are_single_impressions():
    config = SMALL.model_copy(update={"list_length": 1})
    log = columns(simulate(config))
    gaps = np.diff(log["time"])[np.diff(log["user_id"]) == 0]
    assert gaps.min() >= 1


def test_sessions_follow_the_day(large):
    starts = np.flatnonzero((np.diff(large["time"]) > 1800) & (np.diff(large["user_id"]) == 0)) + 1
    hours = np.bincount(large["time"][starts] // 3600 % 24, minlength=24)
    assert hours.max() > 2 * hours.min()


def test_items_belong_to_one_category_and_follow_zipf(large):
    assert (large["item_id"] // LARGE.items_per_category == large["category_id"]).all()
    # The law of the first of a list: those after it must differ from it.
    request = large["request"]
    free = np.append(True, request[1:] != request[:-1])  # NaN of a search: is like no other
    rank = np.bincount(large["item_id"][free] % LARGE.items_per_category)
    weight = 1 / np.arange(1, LARGE.items_per_category + 1)
    np.testing.assert_allclose(rank / rank.sum(), weight / weight.sum(), atol=0.03)
    assert len(np.unique(large["category_id"])) == LARGE.categories


def test_the_causes_add_up_to_the_click_probability(large):
    targets = ~np.isnan(large["label"])
    p = large["click_probability"][targets]
    bias = np.log(p / (1 - p)) - logits(large)[targets].sum(axis=1)
    np.testing.assert_allclose(bias, bias[0], atol=1e-9)


def test_each_cause_explains_its_share(large):
    parts = logits(large)[large["behavior"] != SEARCHED]
    share = parts.var(axis=0) / LARGE.signal**2
    np.testing.assert_allclose(share, [0.5, 0.3, 0.2, 0, 0, 0, 0, 0], rtol=0.1)


def test_without_exposure_the_causes_are_independent():
    config = LARGE.model_copy(update={"users": 60, "exposure": 0.0})
    log = columns(simulate(config, explain=True))
    parts = logits(log)[log["behavior"] != SEARCHED][:, :3]
    np.testing.assert_allclose(np.corrcoef(parts.T), np.eye(3), atol=0.05)
    assert abs(parts.sum(axis=1).std() / config.signal - 1) < 0.05


@pytest.mark.parametrize("cause", CAUSES)
def test_a_cause_without_weight_adds_nothing(cause):
    weights = ALL.weights.model_copy(update={cause: 0.0})
    table = simulate(ALL.model_copy(update={"weights": weights}), explain=True)
    assert (table[f"logit_{cause}"].to_numpy() == 0).all()
    assert all(
        (table[f"logit_{other}"].to_numpy() != 0).any() for other in CAUSES if other != cause
    )


def test_interest_is_for_life(large):
    key = large["user_id"] * LARGE.categories + large["category_id"]
    first = dict(zip(key[::-1], large["logit_interest"][::-1], strict=True))
    assert (large["logit_interest"] == [first[k] for k in key]).all()
    assert len(np.unique(large["logit_interest"])) == 2


def test_the_session_counts_where_it_began_with_a_search_for_the_category():
    log = columns(simulate(SMALL, explain=True))
    searched: set[int] = set()
    matches = []
    for i in range(len(log["time"])):
        new = i == 0 or log["user_id"][i] != log["user_id"][i - 1]
        if new or log["time"][i] - log["time"][i - 1] > 1800:
            searched = set()
        if log["behavior"][i] == SEARCHED:
            searched.add(log["category_id"][i])
        matches.append(log["category_id"][i] in searched)
    high, low = log["logit_session"].max(), log["logit_session"].min()
    np.testing.assert_array_equal(log["logit_session"], np.where(matches, high, low))
    assert high > low


def test_the_context_counts_what_else_the_session_began_with():
    log = columns(simulate(ALL, explain=True))
    side = np.where(log["category_id"] % 2 == 0, 1.0, -1.0)
    expected, begin = np.zeros(len(side)), 0
    for i in range(len(side)):
        new = i == 0 or log["user_id"][i] != log["user_id"][i - 1]
        if new or log["time"][i] - log["time"][i - 1] > 1800:
            begin = i
        searched = range(begin, begin + ALL.searches)
        others = [side[j] for j in searched if log["category_id"][j] != log["category_id"][i]]
        expected[i] = side[i] * np.mean(others)
    slope, offset = np.polyfit(expected, log["logit_context"], 1)
    np.testing.assert_allclose(log["logit_context"], slope * expected + offset, atol=1e-9)
    assert slope > 0.5


def test_the_habit_counts_whether_the_category_goes_with_it():
    log = columns(simulate(ALL, explain=True))
    values = np.unique(log["logit_habit"])
    assert len(values) == 2
    for user in range(ALL.users):
        own = log["user_id"] == user
        category, impression = log["category_id"][own], log["behavior"][own] != SEARCHED
        habit = np.bincount(category).argmax()
        high = category % 2 == habit % 2
        np.testing.assert_array_equal(log["logit_habit"][own], values[high.astype(int)])
        was_habit = category[impression] == habit
        end = len(was_habit) - ALL.targets_per_user - 100
        assert abs(was_habit[:end].mean() - ALL.habit_share) < 0.2
        assert not was_habit[end:].any()
        assert not (category[~impression] == habit).any()


@pytest.mark.parametrize("name", FURTHER)
def test_even_values_of_a_feature_attract_and_odd_ones_repel(name):
    log = columns(simulate(ALL, explain=True))
    even = log[name] % 2 == 0
    low, high = np.unique(log[f"logit_{name}"])
    np.testing.assert_array_equal(log[f"logit_{name}"], np.where(even, high, low))


def test_a_feature_is_of_its_item_user_or_request():
    log = columns(simulate(ALL))
    shown = log["behavior"] != SEARCHED
    for name, *owner in (
        ("author", log["item_id"]),
        ("age", log["user_id"]),
        ("tab", log["user_id"][shown], log["request"][shown]),
    ):
        value = log[name] if len(owner) == 1 else log[name][shown]
        distinct = len(np.unique(np.stack(owner), axis=1).T)
        assert len(np.unique(np.stack([*owner, value]), axis=1).T) == distinct
    assert len(np.unique(log["tab"])) == 4
    # An author's items are in many categories, and a category's items of many authors.
    pairs = np.unique(np.stack([log["author"], log["category_id"]]), axis=1)
    assert pairs.shape[1] > 5 * len(np.unique(log["author"]))


def test_a_habit_without_weight_changes_what_is_shown_alone():
    log = columns(simulate(ALL.model_copy(update={"weights": ClickWeights()}), explain=True))
    assert (log["logit_habit"] == 0).all()


def test_without_outcomes_only_the_labels_tell_them(small):
    log, other = columns(small), columns(simulate(SMALL.model_copy(update={"outcomes": False})))
    assert set(other["behavior"]) == {0, SEARCHED}
    np.testing.assert_array_equal(other["behavior"], log["behavior"] * (log["behavior"] != CLICKED))
    for name in set(log) - {"behavior"}:
        np.testing.assert_array_equal(other[name], log[name])


def test_the_defaults_give_the_log_they_always_gave():
    """Whoever trained on a seed finds the same log, with every version and on every CPU."""
    table = simulate(SimulatorConfig(), range(60))
    table = table.select([name for name in table.column_names if name not in FURTHER])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    assert hashlib.sha256(sink.getvalue()).hexdigest()[:16] == "dff2da29ba463ebd"


def unexplained(log: dict[str, np.ndarray], waves: list[np.ndarray]) -> float:
    """Share of the taste's variance beyond a user's and category's mean and some waves."""
    x = np.stack([np.ones(len(log["time"])), *waves], axis=1)
    key = log["user_id"] * 1000 + log["category_id"]
    rest = []
    for k in np.unique(key):
        rows = key == k
        if rows.sum() >= 15:
            y = log["logit_taste"][rows]
            rest.append(y - x[rows] @ np.linalg.lstsq(x[rows], y, rcond=None)[0])
    return float(np.concatenate(rest).var() / log["logit_taste"].var())


def test_the_rhythm_of_the_taste_is_weekly():
    config = SimulatorConfig(users=5, rhythm=1.0)
    log = columns(simulate(config, explain=True))
    # A session has one taste, that of its start: rows lie up to an hour behind it.
    angle = 2 * np.pi * log["time"] / (7 * 86400)
    assert unexplained(log, [np.cos(angle), np.sin(angle)]) < 0.01
    angle = 2 * np.pi * log["time"] / (6 * 86400)
    assert unexplained(log, [np.cos(angle), np.sin(angle)]) > 0.3


def test_the_taste_moves_slowly():
    config = SimulatorConfig(users=40, rhythm=0.0, taste_days=120.0, exposure=0.0)
    log = columns(simulate(config, explain=True))
    key = log["user_id"] * 1000 + log["category_id"]
    order = np.lexsort([log["time"], key])
    taste = log["logit_taste"][order] / log["logit_taste"].std()
    days, same = log["time"][order] / 86400, key[order]

    def variogram(step: int, low: float, high: float) -> float:
        gap = days[step:] - days[:-step]
        pairs = (same[step:] == same[:-step]) & (gap >= low) & (gap < high)
        return float(np.mean((taste[step:] - taste[:-step])[pairs] ** 2) / 2)

    assert variogram(5, 1, 10) < 0.01
    # 1 - exp(-(t / taste_days)^2 / 2) at t of 70 to 90 days.
    assert variogram(30, 70, 90) == pytest.approx(1 - np.exp(-((80 / 120) ** 2) / 2), abs=0.08)


def test_taste_shows_in_what_is_searched_for(large):
    searched = large["behavior"] == SEARCHED
    assert large["logit_taste"][searched].mean() > large["logit_taste"][~searched].mean() + 0.1


def test_probabilities_are_calibrated(large):
    targets = ~np.isnan(large["label"])
    label, p = large["label"][targets], large["click_probability"][targets]
    for rows in np.array_split(np.argsort(p), 10):
        error = label[rows].mean() - p[rows].mean()
        assert abs(error) < 4 * np.sqrt(np.mean(p[rows] * (1 - p[rows])) / len(rows))
    impressions = large["behavior"] != SEARCHED
    clicked = (large["behavior"] == CLICKED)[impressions].mean()
    assert abs(clicked - LARGE.click_rate) < 0.02


@pytest.mark.parametrize("click_rate", [0.1, 0.7])
def test_the_click_rate_is_as_asked(click_rate):
    config = SimulatorConfig(users=40, click_rate=click_rate)
    behavior = simulate(config)["behavior"].to_numpy()
    assert abs((behavior == CLICKED).sum() / (behavior != SEARCHED).sum() - click_rate) < 0.03
