"""Drawn negatives: one rule for both sides, and no item that the split cannot know yet."""

import dataclasses

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.behavior_example_gen.config.ingest_config import SPLITS
from components.behavior_example_gen.cut.items import Catalogue, count_pairs
from components.behavior_example_gen.cut.repeats import Repeats, count_repeats, total
from components.behavior_example_gen.cut.targets import WholeLog
from components.behavior_example_gen.shard import Shard
from tests.components.behavior_example_gen import logs, oracle, runs

CUTS = 15, 22


def _config(repeats, **sections):
    negatives = {"per_positive": 2, "repeats": repeats}
    label = {"negatives": negatives, "positives": [1]}
    return logs.config(label=label, split={"by": "time"}, **sections)


def _catalogue(rows):
    return Catalogue.of(count_pairs(pa.table(logs.cells(rows)))) if rows else None


def _positives(rows, repeats):
    """The positive rows that see a behaviour, first-time ones alone if repeats are dropped."""
    for row in rows:
        past = [r for r in rows if r.user == row.user and r.time < row.time]
        had = any(r.item == row.item for r in past)
        if row.behavior == 1 and past and not (had and repeats == "drop"):
            yield row


@settings(max_examples=150)
@given(logs.rows(users=3, size=60), st.sampled_from(["keep", "drop"]))
def test_both_sides_follow_one_rule(rows, repeats):
    rows = [dataclasses.replace(row, time=row.time % 30, request=None) for row in rows]
    # One row of an item at a time, so that which of several was first has no say.
    rows = list({(row.user, row.time, row.item): row for row in rows}.values())
    known = [[r for r in rows if r.time < cut] for cut in CUTS]
    config = _config(repeats)
    whole = WholeLog(_catalogue(known[0]), CUTS, _catalogue(known[1]))
    shard = Shard(logs.cleaned(rows, config), config, whole)
    for name, begin, end, before in zip(
        SPLITS, (0, *CUTS), (*CUTS, 30), (known[0], known[0], known[1]), strict=True
    ):
        candidates = {row.item for row in before}
        targets = oracle.unpack(shard.encode(name))
        expected = [
            (row.user, row.time, row.item)
            for row in _positives(rows, repeats)
            if begin <= row.time < end and row.item in candidates
        ]
        positives = [(t.user, t.time, t.item) for t in targets if t.label]
        assert sorted(positives) == sorted(expected)
        for target in targets:
            mine = [r for r in rows if r.user == target.user]
            given_then = {r.item for r in mine if r.time == target.time and r.behavior == 1}
            had = {r.item for r in mine if r.time <= target.time}
            assert target.item in candidates
            if not target.label:
                assert target.item not in given_then
                assert repeats == "keep" or target.item not in had
        for positive in set(positives):
            refused = {
                r.item
                for r in rows
                if r.user == positive[0]
                and (
                    (r.time == positive[1] and r.behavior == 1)
                    or (repeats == "drop" and r.time <= positive[1])
                )
            }
            moment = [t for t in targets if (t.user, t.time) == positive[:2]]
            drawn = [t for t in moment if not t.label]
            many = sum(1 for t in moment if t.label)
            assert len(drawn) == many * min(2, len(candidates - refused))
            assert len({t.request for t in moment}) == 1


def test_a_catalogue_ends_where_the_split_begins(tmp_path):
    """Through Beam: an item new in validation is no target of train, and none of validation."""
    draw = np.random.default_rng(0)
    rows = []
    for time in range(1000):
        # From 800 on half of the events are of items 100 to 109, from 900 on of 200 to 209.
        new = 100 * (1 + (time >= 900)) if time >= 800 and draw.random() < 0.5 else 0
        rows.append(oracle.Row(time % 10, time, new + int(draw.integers(10)), 0, 1, None))
    text = ["user,item,category,time,behavior"]
    text += [f"{r.user},{r.item},{r.category},{r.time},{r.behavior}" for r in rows]
    runs.write_log(tmp_path / "log.csv", "\n".join([*text, ""]))
    counts = runs.execute(
        _config("keep", log={"folder": str(tmp_path), "files": "log.csv"}), tmp_path / "out"
    )
    seen = {
        name: {t.item // 100 for t in oracle.unpack(runs.examples(tmp_path / "out", name))}
        for name in SPLITS
    }
    assert seen == {"train": {0}, "validation": {0}, "eval": {0, 1}}
    assert counts["repeats"] == "keep"
    new = sum(r.item >= 100 for r in rows if 800 <= r.time < 900)
    new += sum(r.item >= 200 for r in rows if r.time >= 900)
    cut = "target: its item is new since its split began"
    assert counts["dropped"][cut] == pytest.approx(new, abs=3)


@pytest.mark.parametrize(("once", "rule"), [(True, "drop"), (False, "keep")])
def test_the_log_chooses_the_rule(tmp_path, once, rule):
    """Where each item is had once, it is no negative later: all of those would be told by that."""
    draw = np.random.default_rng(1)
    lines = ["user,item,category,time,behavior"]
    for user in range(100):
        items = draw.permutation(60)[:40] if once else draw.integers(0, 60, 40)
        lines += [f"{user},{item},0,{time},1" for time, item in enumerate(items)]
    runs.write_log(tmp_path / "log.csv", "\n".join(lines))
    log = {"folder": str(tmp_path), "files": "log.csv"}
    counts = runs.execute(_config(None, log=log), tmp_path / "out")
    assert counts["repeats"] == rule
    # Of 40 draws from 60 items, 60 (1 - (1 - 1/60)^40) = 29.4 differ.
    assert counts["repeated_share"] == pytest.approx(0 if once else 1 - 29.4 / 40, abs=0.02)
    seen = [
        target.item in {row[0] for row in target.history}
        for target in oracle.unpack(runs.examples(tmp_path / "out", "train"))
        if not target.label
    ]
    assert any(seen) == (not once)


@given(logs.rows(users=3, size=40), st.booleans())
def test_repeats_are_positives_of_what_the_user_had_before(rows, alone):
    config = logs.config(
        label={"negatives": {}, "positives": [1]},
        history={"include": "positive" if alone else "all"},
    )
    past = [row for row in rows if row.behavior == 1 or not alone]
    repeated = sum(
        row.behavior == 1
        and any((p.user, p.item) == (row.user, row.item) and p.time < row.time for p in past)
        for row in rows
    )
    found = count_repeats(pa.table(logs.cleaned(rows, config)), alone)
    positives = sum(row.behavior == 1 for row in rows)
    assert found == Repeats(positives, repeated)


@pytest.mark.parametrize(("repeated", "rule"), [(0, "drop"), (10, "drop"), (11, "keep")])
def test_some_repeats_are_accidents(repeated, rule):
    assert total([Repeats(600, repeated), Repeats(400, 0)]).rule == rule


@pytest.mark.parametrize("repeats", ["keep", "drop"])
def test_seen_before_says_nothing_on_noise(tmp_path, repeats):
    draw = np.random.default_rng(1)
    events = draw.integers(0, (200, 60, 10**6), (8000, 3)).tolist()
    lines = [f"{user},{item},{item % 7},{time},1" for user, item, time in events]
    runs.write_log(tmp_path / "log.csv", "\n".join(["user,item,category,time,behavior", *lines]))
    log = {"folder": str(tmp_path), "files": "log.csv"}
    runs.execute(_config(repeats, log=log), tmp_path / "out")
    targets = oracle.unpack(runs.examples(tmp_path / "out", "train"))
    share = {0: [], 1: []}
    for target in targets:
        share[target.label].append(target.item in {row[0] for row in target.history})
    # AUC of a yes-or-no rule: half of one plus the difference of its shares.
    assert 0.5 + (np.mean(share[1]) - np.mean(share[0])) / 2 == pytest.approx(0.5, abs=0.015)
