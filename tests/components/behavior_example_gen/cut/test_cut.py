"""The pure functions over segments against loops, and by hand."""

import collections
import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components import segments
from components.behavior_example_gen import hashing
from components.behavior_example_gen.cut import split
from components.behavior_example_gen.cut.category_match import MatchIndex
from components.behavior_example_gen.cut.negatives import NONE, FirstTimes, draw_negatives
from components.behavior_example_gen.cut.order import sort_rows
from components.behavior_example_gen.cut.pack import pack, window_begin
from components.behavior_example_gen.cut.session import local_begin, session_begin
from components.behavior_example_gen.cut.time_cuts import CombineTimes, Timeline
from components.behavior_example_gen.cut.visible import hist_begin, hist_end
from components.segments import power_of_two

small = st.integers(0, 3)


@st.composite
def sorted_rows(draw, width=2):
    """Rows of small integers, sorted: a user and further columns, as arrays [n]."""
    rows = draw(st.lists(st.tuples(*[small] * width), max_size=25))
    return [np.array(column, np.int64) for column in zip(*sorted(rows), strict=True)] or [
        np.empty(0, np.int64)
    ] * width


@given(sorted_rows())
def test_segments(columns):
    user, time = columns
    begins = segments.starts(user)
    first = [list(user).index(u) for u in user]
    assert segments.begin_of(begins).tolist() == first
    assert segments.rank_of(begins).tolist() == [i - f for i, f in enumerate(first)]
    assert segments.size_of(begins).tolist() == [list(user).count(u) for u in user]
    both = segments.begin_of(segments.starts(user, time))
    pairs = list(zip(user, time, strict=True))
    assert both.tolist() == [pairs.index(pair) for pair in pairs]


def test_ranges():
    assert segments.ranges(np.array([3, 9, 0]), np.array([5, 9, 2])).tolist() == [3, 4, 0, 1]
    assert segments.ranges(np.array([], int), np.array([], int)).tolist() == []


@given(sorted_rows(), st.data(), st.sampled_from(["exclude", "order"]))
def test_visible(columns, data, ties):
    user, time = columns
    size = len(user)
    included = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)), bool)
    begin, end = hist_begin(user, included), hist_end(user, time, included, ties)
    place = {row: number for number, row in enumerate(np.flatnonzero(included))}
    for row in range(size):
        seen = [
            other
            for other in place
            if user[other] == user[row]
            and (other < row if ties == "order" else time[other] < time[row])
        ]
        assert list(range(begin[row], end[row])) == [place[other] for other in seen]


@given(sorted_rows(), st.integers(1, 2))
def test_sessions(columns, gap):
    user, seconds = columns
    expected = []
    for row in range(len(user)):
        same = row and user[row] == user[row - 1] and seconds[row] - seconds[row - 1] <= gap
        expected.append(expected[-1] if same else row)
    assert session_begin(user, seconds, gap).tolist() == expected


def test_local_is_the_running_session_or_the_last_behaviours():
    seconds = np.array([0, 1, 2, 100, 101])
    sessions = session_begin(np.zeros(5, int), seconds, 10)
    target = np.array([102, 102, 200, 50, 0])
    end = np.array([5, 5, 5, 3, 0])
    lower = np.array([0, 4, 0, 0, 0])
    begin = local_begin(sessions, seconds, target, end, lower, gap=10, min_local=1)
    assert begin.tolist() == [3, 4, 4, 2, 0]  # running; cut off; over twice; nothing yet
    begin = local_begin(sessions, seconds, target, end, lower, gap=10, min_local=4)
    assert begin.tolist() == [1, 4, 1, 0, 0]
    begin = local_begin(None, seconds, target, end, lower, gap=None, min_local=2)
    assert begin.tolist() == [3, 4, 3, 1, 0]


@given(sorted_rows(), st.data(), st.sampled_from([None, 1, 2]), st.integers(1, 4))
def test_local_is_what_a_walk_back_finds(columns, data, gap, min_local):
    user, seconds = columns
    sessions = None if gap is None else session_begin(user, seconds, gap)
    for wanted in set(user.tolist()):
        mine = np.flatnonzero(user == wanted)
        end = data.draw(st.integers(mine[0], mine[-1] + 1))
        lower = data.draw(st.integers(mine[0], end))
        now = data.draw(st.integers(0, 6)) + (int(seconds[end - 1]) if end > mine[0] else 0)
        found = local_begin(
            sessions, seconds, *map(np.atleast_1d, (now, end, lower)), gap, min_local
        )[0]
        begin, later = end, now
        while gap is not None and begin > lower and later - seconds[begin - 1] <= gap:
            begin -= 1
            later = seconds[begin]
        while begin > lower and end - begin < min_local:
            begin -= 1
        assert found == begin


@given(sorted_rows(), st.data(), st.integers(1, 4))
def test_matches(columns, data, limit):
    user, category = columns[0], np.array(data.draw(st.permutations(list(columns[1]))), np.int64)
    index = MatchIndex(user, category)
    for wanted_user in range(4):
        rows = np.flatnonzero(user == wanted_user)
        begin, end = (rows[0], rows[-1] + 1) if len(rows) else (0, 0)
        lower = data.draw(st.integers(begin, end))
        upper = data.draw(st.integers(lower, end))
        for wanted in range(-1, 6):
            found = index.last(*map(np.atleast_1d, (wanted_user, wanted, upper, lower)), limit)[0]
            expected = [p for p in range(lower, upper) if category[p] == wanted][-limit:]
            assert found.tolist() == expected + [-1] * (limit - len(expected))


def test_user_tail_by_hand():
    user = np.repeat([1, 2, 3, 4], [10, 5, 1, 20])
    places = split.by_user_tail(user, 0.1, 0.1)
    assert places[:10].tolist() == [0] * 8 + [1, 2]
    assert places[10:15].tolist() == [0] * 4 + [1]  # floor(5 * 0.2) = 1, floor(5 * 0.1) = 0
    assert places[15:16].tolist() == [0]
    assert places[16:].tolist() == [0] * 16 + [1, 1, 2, 2]


@given(st.integers(0, 5000), st.sampled_from([0.1, 0.2, 0.05, 0.3]), st.sampled_from([0.1, 0.15]))
def test_user_tail_shares(size, validation, evaluation):
    counts = np.bincount(
        split.by_user_tail(np.zeros(size, int), validation, evaluation), minlength=3
    )
    assert counts[2] == int(size * round(evaluation * 1000) // 1000)
    assert counts[1] + counts[2] == int(size * round((validation + evaluation) * 1000) // 1000)


def test_user_hash_keeps_users_whole_and_shares_right():
    users = hashing.id_hash(pa.array(range(20_000)))
    places = split.by_user_hash(users, 7, 0.1, 0.2)
    shares = np.bincount(places) / len(places)
    assert shares == pytest.approx([0.7, 0.1, 0.2], abs=0.01)
    assert (split.by_user_hash(users[::-1], 7, 0.1, 0.2) == places[::-1]).all()
    assert (split.by_user_hash(users, 8, 0.1, 0.2) != places).any()


@pytest.mark.parametrize(
    ("counts", "cuts"),
    [
        ([1] * 10, (8, 9)),
        ([10, 1, 1], (1, 2)),
        ([1, 1, 10], (1, 2)),  # the last time holds more than its share, but eval needs it
        ([1, 1], (0, 1)),
    ],
)
def test_time_cuts(counts, cuts):
    assert split.time_cuts(np.arange(len(counts)), np.array(counts), 0.1, 0.1) == cuts


def test_by_time():
    assert split.by_time(np.array([0, 4, 5, 6, 7]), (5, 7)).tolist() == [0, 0, 1, 1, 2]


@settings(max_examples=30)
@given(st.lists(st.integers(0, 2**40), min_size=3, max_size=60), st.data())
def test_time_cuts_do_not_depend_on_the_blocks(times, data):
    combine = CombineTimes(0.2, 0.2)

    def block(part):
        label = pa.array([1] * len(part), pa.int8())
        return Timeline.of(pa.table({"time": pa.array(part, pa.int64()), "label": label}), 1)

    whole = combine.add_input(combine.create_accumulator(), block(times))
    shuffled = data.draw(st.permutations(times))
    cut = data.draw(st.integers(0, len(times)))
    parts = [
        combine.add_input(combine.create_accumulator(), block(part))
        for part in (shuffled[:cut], shuffled[cut:])
    ]
    merged = combine.merge_accumulators(parts)
    assert combine.extract_output(merged) == combine.extract_output(whole)


@given(st.integers(0, 300), st.sampled_from([1, 3, 8, 16, 100]))
def test_window(length, most):
    begin = int(window_begin(np.array([5]), np.array([5 + length]), most)[0]) - 5
    assert length - most <= begin <= length
    assert begin % max(1, most // 8) == 0
    if length <= most:
        assert begin == 0
    else:
        assert length - begin > most - max(1, most // 8)


@given(sorted_rows(), st.integers(1, 10), st.integers(1, 5))
def test_windows_and_packs_of_whole_users(columns, most, size):
    user, request = columns  # every row a behaviour, and a target that sees those before its time
    begin = segments.begin_of(segments.starts(user))
    end = segments.begin_of(segments.starts(user, request))
    window = window_begin(begin, end, most)
    for row in range(len(user)):
        expected = begin[row]
        while end[row] - expected > most:
            expected += max(1, most // 8)
        assert window[row] == expected
    packs: list[list[int]] = []
    for (of, _), group in itertools.groupby(range(len(user)), lambda r: (user[r], request[r])):
        rows = list(group)
        while rows:
            taken, rows = rows[:size], rows[size:]
            same = packs and (user[packs[-1][0]], window[packs[-1][0]]) == (of, window[taken[0]])
            if same and len(packs[-1]) + len(taken) <= size:
                packs[-1] += taken
            else:
                packs.append(taken)
    sizes = collections.Counter(zip(user, request, strict=True))

    def torn(cut):
        of = [[(user[row], request[row]) for row in rows] for rows in cut]
        return [one[-1] for one, other in itertools.pairwise(of) if one[-1] == other[0]]

    assert all(sizes[of] > size for of in torn(packs))
    plain: list[list[int]] = []  # cut where an example is full, whatever is a request
    for row in range(len(user)):
        same = plain and (user[plain[-1][0]], window[plain[-1][0]]) == (user[row], window[row])
        if same and len(plain[-1]) < size:
            plain[-1].append(row)
        else:
            plain.append([row])
    if not torn(plain):
        assert packs == plain
    examples = pack(user, window, request, end, size)
    assert examples.target_begin.tolist() == [rows[0] for rows in packs]
    assert examples.target_end.tolist() == [rows[-1] + 1 for rows in packs]
    assert examples.history_begin.tolist() == [window[rows[0]] for rows in packs]
    assert examples.history_end.tolist() == [end[rows[-1]] for rows in packs]
    assert (examples.history_end - examples.history_begin <= most).all()


def test_pack_by_hand():
    user = np.array([1, 1, 1, 1, 2])
    window = np.array([0, 0, 0, 4, 9])
    end = np.array([1, 2, 3, 6, 9])
    examples = pack(user, window, np.array([0, 1, 2, 3, 0]), end, 2)
    assert examples.target_begin.tolist() == [0, 2, 3, 4]
    assert examples.target_end.tolist() == [2, 3, 4, 5]
    assert examples.history_begin.tolist() == [0, 0, 4, 9]
    assert examples.history_end.tolist() == [2, 3, 6, 9]
    assert len(pack(*[np.empty(0, int)] * 4, 2).target_begin) == 0


@pytest.mark.parametrize(
    ("requests", "begins"),
    [
        ([0, 0, 0, 1, 1, 1], [0, 3]),  # the second does not fit with the first
        ([0, 0, 1, 1, 2, 2], [0, 4]),
        ([0, 1, 1, 1, 1, 2], [0, 1, 5]),
        ([0, 1, 1, 1, 1, 1, 1, 2, 3], [0, 1, 5, 9]),  # larger than an example: begins one, is cut
    ],
)
def test_requests_stay_whole(requests, begins):
    size, request = len(requests), np.array([*requests, 9, 9, 9])
    user = np.array([1] * size + [2] * 3)
    zeros = np.zeros(size + 3, int)
    examples = pack(user, zeros, request, zeros, 4)
    assert examples.target_begin.tolist() == sorted({*begins, size})
    assert examples.target_end.tolist() == [*sorted({*begins, size})[1:], size + 3]


@settings(max_examples=50)
@given(sorted_rows(3), st.integers(1, 3), st.integers(1, 6), st.booleans())
def test_negatives_were_never_had(columns, per_positive, items, popular):
    user, time, item = columns
    item = item % items
    had = FirstTimes(user, item, time, items)
    for u in range(4):
        for i in range(items):
            for t in range(4):
                pairs = zip(user, item, time, strict=True)
                expected = any((u, i) == (a, b) and c <= t for a, b, c in pairs)
                if len(user):
                    assert had.until(*map(np.atleast_1d, (u, i, t)))[0] == expected
    weights = np.arange(1, items + 1) if popular else np.ones(items)
    hashes, number = hashing.combine(user), np.arange(len(user))

    def refuse(rows):
        return lambda which, drawn: had.until(user[rows][which], drawn, time[rows][which])

    drawn = draw_negatives(7, hashes, number, weights, refuse(number), per_positive)
    for row in range(len(user)):
        past = {
            i for u, i, t in zip(user, item, time, strict=True) if u == user[row] and t <= time[row]
        }
        found = [i for i in drawn[row] if i != NONE]
        assert not past & set(found)
        assert len(found) == len(set(found)) == min(per_positive, items - len(past))
    order = np.arange(len(user))[::-1]  # targets met in another order draw the same
    again = draw_negatives(7, hashes[order], number[order], weights, refuse(order), per_positive)
    assert (again == drawn[order]).all()


def test_negatives_by_popularity():
    size = 20_000
    arguments = hashing.combine(np.zeros(size)), np.arange(size), np.array([1, 0, 3, 4])
    drawn = draw_negatives(7, *arguments, lambda which, item: np.zeros(len(item), bool), 1)
    assert np.bincount(drawn[:, 0]) / size == pytest.approx([0.125, 0, 0.375, 0.5], abs=0.015)
    other = draw_negatives(8, *arguments, lambda which, item: np.zeros(len(item), bool), 1)
    assert (other != drawn).any()


@given(st.lists(st.tuples(small, small, small), min_size=1, max_size=30), st.booleans(), st.data())
def test_order_and_duplicates(rows, by_log, data):
    sequence = data.draw(st.permutations(range(len(rows))))  # rows come in any order
    batch = {
        name: pa.array(values)
        for name, values in zip(("user", "time", "item"), zip(*rows, strict=True), strict=True)
    } | {"sequence": pa.array(sequence)}
    kept, again = sort_rows(pa.RecordBatch.from_pydict(batch), by_log, drop_duplicates=True)
    in_log = [row for _, row in sorted(zip(sequence, rows, strict=True))]
    unique = list(dict.fromkeys(in_log))
    expected = sorted(unique, key=lambda row: row[:2]) if by_log else sorted(unique)
    assert _rows_of(kept) == expected
    later = [place for place, row in enumerate(in_log) if row in in_log[:place]]
    assert sorted(again["sequence"].to_pylist()) == later


@given(st.lists(st.tuples(small, small, small), min_size=1, max_size=30), st.booleans())
def test_duplicates_may_stay(rows, by_log):
    batch = {
        name: pa.array(values)
        for name, values in zip(("user", "time", "item"), zip(*rows, strict=True), strict=True)
    } | {"sequence": pa.array(range(len(rows)))}
    kept, again = sort_rows(pa.RecordBatch.from_pydict(batch), by_log, drop_duplicates=False)
    assert _rows_of(kept) == sorted(rows, key=lambda row: row[:2] if by_log else row)
    assert again.num_rows == 0


def _rows_of(batch):
    return list(zip(*(batch[name].to_pylist() for name in ("user", "time", "item")), strict=True))


def test_order_of_times_too_far_apart_for_one_number():
    times = [2**62, 0, 2**62, 5]
    batch = {"user": pa.array([1, 2, 0, 1]), "time": pa.array(times), "item": pa.array([0] * 4)}
    batch["sequence"] = pa.array(range(4))
    kept, _ = sort_rows(pa.RecordBatch.from_pydict(batch), by_log=False, drop_duplicates=True)
    assert kept["time"].to_pylist() == [2**62, 5, 2**62, 0]


def test_hashes_are_stable_and_spread():
    texts = pa.array([b"", b"a", b"b", b"ab", b"ba", b"a" * 40, b"\x00", b"\x00\x00"])
    hashes = hashing.id_hash(texts)
    assert len(set(hashes.tolist())) == len(texts)
    assert (hashing.id_hash(texts.slice(2, 3)) == hashes[2:5]).all()
    assert hashing.id_hash(pa.array([1, 2]))[0] == 0x910A2DEC89025CC1  # SplitMix64 after seed 1
    many = hashing.id_hash(pa.array([f"user{i}".encode() for i in range(20_000)]))
    assert len(set(many.tolist())) == 20_000
    shards = collections.Counter((hashing.combine(many) % np.uint64(10)).tolist())
    assert max(shards.values()) < 2200 and min(shards.values()) > 1800
    assert np.mean(hashing.fraction(many)) == pytest.approx(0.5, abs=0.01)


@given(st.lists(st.integers(0, 2**40), max_size=20))
def test_powers_of_two(counts):
    expected = [1 << count.bit_length() - 1 if count else 0 for count in counts]
    assert power_of_two(np.array(counts, np.int64)).tolist() == expected
