"""The examples of a shard against the literal oracle, on adversarial logs."""

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.behavior_example_gen.clean.clean import clean
from components.behavior_example_gen.config.ingest_config import SPLITS
from components.behavior_example_gen.cut.targets import WholeLog
from components.behavior_example_gen.shard import Shard

from . import logs, oracle


def _encoded(rows, config):
    shard = Shard(logs.cleaned(rows, config), config, WholeLog())
    return shard, {name: list(shard.encode(name)) for name in SPLITS}


@settings(max_examples=150)
@given(logs.rows(), logs.histories(), st.sampled_from(["drop", "keep"]), st.booleans())
def test_targets_and_all_they_see(rows, history, duplicates, named):
    columns = logs.COLUMNS | (logs.REQUEST if named else {})
    config = logs.config(history=history, log={"duplicates": duplicates, "columns": columns})
    shard, encoded = _encoded(rows, config)
    expected = oracle.targets(rows, config)
    for name in SPLITS:
        assert oracle.unpack(encoded[name]) == expected[name]
        counts = shard.counts.splits[name]
        assert counts["targets"] == len(expected[name])
        assert counts["positives"] == sum(target.label for target in expected[name])
        assert counts["users"] == len({target.user for target in expected[name]})
        assert counts["examples"] == len(encoded[name])


@settings(max_examples=60)
@given(logs.rows(), logs.histories(), st.randoms())
def test_order_of_the_log_does_not_matter_unless_it_is_asked_for(rows, history, random):
    config = logs.config(history=history | {"ties": "exclude"})
    shuffled = random.sample(rows, len(rows))
    ordered, other = _encoded(rows, config)[1], _encoded(shuffled, config)[1]
    for name in SPLITS:
        assert ordered[name] == other[name]


@settings(max_examples=60)
@given(logs.rows(), logs.histories())
def test_nothing_of_the_same_time_or_later_is_seen(rows, history):
    config = logs.config(history=history | {"ties": "exclude"})
    for examples in _encoded(rows, config)[1].values():
        for target in oracle.unpack(examples):
            assert all(time < target.time for *_, time in target.history)


@settings(max_examples=60)
@given(logs.rows(users=2), logs.histories())
def test_examples_are_packed_and_eval_is_not(rows, history):
    config = logs.config(history=history)
    limit = {"train": config.history.targets_per_example, "eval": 1}
    limit["validation"] = limit["train"]
    for name, examples in _encoded(rows, config)[1].items():
        for text in examples:
            features = tf.train.Example.FromString(text).features.feature
            assert len(features["target_item"].int64_list.value) <= limit[name]
            assert len(features["history_item"].int64_list.value) <= config.history.max_length
            assert ("slice_user_activity" in features) == (name == "eval")


def test_eval_carries_what_reports_slice_by():
    rows = [oracle.Row(1, t, t % 3, 0, 0, t % 2) for t in range(11)]
    _, encoded = _encoded(rows, logs.config(history={"max_length": 1000}))
    features = [tf.train.Example.FromString(text).features.feature for text in encoded["eval"]]
    lengths = {f["target_time"].int64_list.value[0]: f for f in features}
    assert sorted(lengths) == [9, 10]
    assert lengths[9]["slice_history_length"].int64_list.value == [8]
    assert lengths[10]["slice_history_length"].int64_list.value == [8]
    assert lengths[9]["slice_user_activity"].int64_list.value == [8]


def test_eval_rows_of_a_user_are_sampled():
    rows = [oracle.Row(u, t, t % 3, 0, 0, t % 2) for u in (1, 2) for t in range(50)]
    split = {"by": "user_tail", "validation": 0.2, "eval": 0.2, "eval_per_user": 3}
    everything = oracle.targets(rows, logs.config())["eval"]
    shard, encoded = _encoded(rows, logs.config(split=split))
    sampled = oracle.unpack(encoded["eval"])
    assert set(sampled) < set(everything)
    assert [sum(s.user == user for s in sampled) for user in (1, 2)] == [3, 3]
    reason = "target: more than split.eval_per_user"
    assert shard.counts.dropped[reason] == len(everything) - 6


def test_a_user_of_a_million_events():
    size = 10**6
    item = np.random.default_rng(0).integers(0, 10**5, size)
    names = {"user": np.zeros(size, np.int64), "item": item, "category": item % 500}
    names |= {"time": np.arange(size), "behavior": item % 4, "label": item % 2}
    split = {"by": "user_tail", "validation": 0.1, "eval": 0.1, "eval_per_user": 5}
    config = logs.config(split=split, history={"max_length": 800, "match": 4})
    rows = clean(pa.RecordBatch.from_pydict(names), config, np.arange(size))[0]
    shard = Shard(rows, config, WholeLog())
    train = shard.counts.splits["train"]
    assert train["targets"] == size - 1 - 2 * (size - 1) // 10
    assert train["positives"] == (item[1 : 1 + train["targets"]] % 2).sum()
    for target in oracle.unpack(shard.encode("eval")):
        begin = -(-(target.time - 800) // 100) * 100  # of a grid of an eighth
        seen = item[begin : target.time]
        assert [row[0] for row in target.history] == seen.tolist()
        same = np.flatnonzero(seen % 500 == target.category)
        assert list(target.match) == same[-4:].tolist()


@pytest.mark.parametrize("users", [1, 5])
def test_users_of_one_row_have_no_target_to_see_anything(users):
    rows = [oracle.Row(user, 7, 1, 0, 0, 1) for user in range(users)]
    shard, encoded = _encoded(rows, logs.config())
    assert not any(encoded.values())
    assert shard.counts.users == users
    assert shard.counts.dropped == {"target: no visible behaviour": users}
