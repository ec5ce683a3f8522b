"""Packing changes no target, and nothing that a target sees."""

import io
import itertools
import os
import types

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from components.scoring.exported_model import blocks
from models import features
from pipeline.ablation import data
from pipeline.ablation.pack import pack
from pipeline.config import load
from pipeline.terminal.console import Terminal


def ids(numbers, dtype):
    """Ids as a log has them."""
    return [b"i%d" % number for number in numbers] if dtype == "string" else list(numbers)


def example(user, history, item, label, dtype):
    """One target that sees all of `history`, a list of (item, time)."""
    columns = {
        "user_id": [user],
        "history_item": ids([i for i, _ in history], dtype),
        "history_category": [i % 3 for i, _ in history],
        "history_time": [t for _, t in history],
        "target_item": ids([item], dtype),
        "target_category": [item % 3],
        "target_time": [10 * item + 9],
        "target_request": [item],
        "target_hist_end": [len(history)],
        "target_local_begin": [0],
        "target_match": [-1, -1],
    }
    feature = {}
    for name, values in columns.items():
        if dtype == "string" and name in ("history_item", "target_item"):
            feature[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
        else:
            feature[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    for name, value in {"label": label, "target_oracle": 0.25}.items():
        feature[name] = tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def values(parsed, name):
    feature = parsed.features.feature[name]
    return list(getattr(feature, feature.WhichOneof("kind") or "int64_list").value)


def seen(serialized):
    """Every target with the very behaviours that it sees."""
    parsed = tf.train.Example.FromString(serialized)
    history = list(zip(values(parsed, "history_item"), values(parsed, "history_time"), strict=True))
    return [
        (item, category, time, history[:end])
        for item, category, time, end in zip(
            *(values(parsed, f"target_{n}") for n in ("item", "category", "time", "hist_end")),
            strict=True,
        )
    ]


def firsts(users):
    """The number of each user's first example, of those that have one."""
    counts = [len(steps) for steps in users]
    return {user: sum(counts[:user]) for user, count in enumerate(counts) if count}


@given(
    users=st.lists(
        st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=12), max_size=4
    ),
    drop=st.integers(0, 2),
    size=st.integers(1, 20),
    dtype=st.sampled_from(["int", "string"]),
)
def test_packed_targets_see_what_they_saw(users, drop, size, dtype):
    raw, begin = [], 0
    for user, steps in enumerate(users):
        history = []
        for place, (grow, label) in enumerate(steps):
            history += [(place + k, 10 * place + k) for k in range(grow)]
            begin = min(drop * (place > 4), len(history))  # the window moves on
            raw.append(example(user, history[begin:], place, float(label), dtype))
    whole = pack(raw[i : i + size] for i in range(0, len(raw), size))
    packed, columns = whole.examples, whole.targets
    found = [t for p in packed for t in seen(p)]
    assert sorted(found) == sorted(t for r in raw for t in seen(r))
    if raw:
        wanted = {
            (user, ids([place], dtype)[0]): float(label)
            for user, steps in enumerate(users)
            for place, (_, label) in enumerate(steps)
        }
        keys = list(zip(columns["user"].tolist(), columns["item"].tolist(), strict=True))
        assert [item for _, item in keys] == [item for item, *_ in found]
        assert dict(zip(keys, columns["label"].tolist(), strict=True)) == wanted
        assert np.unique(columns["oracle"]).tolist() == [0.25]
        assert object not in [column.dtype for column in columns.values()]  # as files need it
    # No two targets are of one request: where any user has both labels, histories are frozen.
    mixed = [len({label for _, label in steps}) == 2 for steps in users]
    assert (whole.frozen is not None) == any(mixed)
    if whole.frozen is not None:
        first = {user: seen(raw[i])[0][3] for user, i in firsts(users).items()}
        told = [t for p in whole.frozen.serialized for t in seen(p)]
        for (item, _, time, history), place in zip(told, whole.frozen.order, strict=True):
            assert (columns["item"][place], columns["time"][place]) == (item, time)
            assert history == first[columns["user"][place]]


def test_a_growing_history_is_kept_once():
    history = [(i, i) for i in range(9)]
    packed = pack([[example(1, history[:n], n, 1.0, "int") for n in (3, 3, 7, 9)]]).examples
    assert len(packed) == 1
    kept = tf.train.Example.FromString(packed[0]).features.feature
    assert kept[features.TARGET_HIST_END].int64_list.value == [3, 3, 7, 9]
    assert "label" not in kept
    assert "target_match" not in kept


def test_a_packing_that_was_stopped_is_done_again(tmp_path, monkeypatch):
    (tmp_path / "raw" / "Split-eval").mkdir(parents=True)
    with tf.io.TFRecordWriter(str(tmp_path / "raw" / "Split-eval" / "data")) as raw:
        for place in range(6):  # one request each, both labels: with frozen histories, too
            history = [(k, k) for k in range(place + 1)]
            raw.write(example(1, history, place, float(place % 2), "int"))
    node = types.SimpleNamespace(uri=str(tmp_path / "raw"))
    outputs = {"examples": node, "transform_graph": node, "transformed_examples": node}
    monkeypatch.setattr(
        data, "run_to_transform", lambda *_: {"BehaviorExampleGen": outputs, "Transform": outputs}
    )

    def prepared():
        found = data.prepare(load("demo"), tmp_path / "data", Terminal(io.StringIO()))
        return found, [found.evaluation, found.frozen, found.targets]

    def content(paths):
        records = [itertools.chain.from_iterable(blocks(path)) for path in paths[:2]]
        return [[seen(record) for record in part] for part in records]

    (tmp_path / "data").mkdir()
    replace = os.replace
    for stop in range(3):  # before the file number `stop` appears
        left = [replace] * stop

        def stopped(source, target, left=left):
            left.pop()(source, target)

        monkeypatch.setattr(os, "replace", stopped)
        with pytest.raises(IndexError):
            prepared()
        monkeypatch.setattr(os, "replace", replace)
        found, paths = prepared()
        whole = content(paths)
        assert len(found.read_targets()["label"]) == 6
        for path in paths:
            os.remove(path)
            assert content(prepared()[1]) == whole
        for path in paths:
            os.remove(path)
