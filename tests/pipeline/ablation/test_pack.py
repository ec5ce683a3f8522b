"""Packing changes no target, and nothing that a target sees."""

import numpy as np
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from models import features
from pipeline.ablation.pack import pack


def example(user, history, item, label, dtype):
    """One target that sees all of `history`, a list of (item, time)."""
    ids = (lambda x: [b"i%d" % v for v in x]) if dtype == "string" else list
    columns = {
        "user_id": [user],
        "history_item": ids([i for i, _ in history]),
        "history_category": [i % 3 for i, _ in history],
        "history_time": [t for _, t in history],
        "target_item": ids([item]),
        "target_category": [item % 3],
        "target_time": [history[-1][1] + 1 if history else 0],
        "target_hist_end": [len(history)],
        "target_local_begin": [0],
        "target_match": [-1, -1],
    }
    feature = {}
    for name, values in columns.items():
        if values and isinstance(values[0], bytes):
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
        (values(parsed, "user_id"), item, category, time, history[:end])
        for item, category, time, end in zip(
            *(values(parsed, f"target_{n}") for n in ("item", "category", "time", "hist_end")),
            strict=True,
        )
    ]


@given(
    users=st.lists(
        st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=12), max_size=4
    ),
    drop=st.integers(0, 2),
    most=st.integers(1, 5),
    dtype=st.sampled_from(["int", "string"]),
)
def test_packed_targets_see_what_they_saw(users, drop, most, dtype):
    raw, begin = [], 0
    for user, steps in enumerate(users):
        history = []
        for place, (grow, label) in enumerate(steps):
            history += [(place + k, 10 * place + k) for k in range(grow)]
            begin = min(drop * (place > 4), len(history))  # the window moves on
            raw.append(example(user, history[begin:], place, float(label), dtype))
    packed, columns = pack(raw, most)
    assert [t for p in packed for t in seen(p)] == [t for r in raw for t in seen(r)]
    assert all(len(seen(p)) <= most for p in packed)
    if raw:
        assert columns["user"].tolist() == [u for u, steps in enumerate(users) for _ in steps]
        assert columns["label"].tolist() == [float(x) for steps in users for _, x in steps]
        assert np.unique(columns["oracle"]).tolist() == [0.25]


def test_a_growing_history_is_kept_once():
    history = [(i, i) for i in range(9)]
    packed, _ = pack([example(1, history[:n], n, 1.0, "int") for n in (3, 3, 7, 9)], most=64)
    assert len(packed) == 1
    kept = tf.train.Example.FromString(packed[0]).features.feature
    assert kept[features.TARGET_HIST_END].int64_list.value == [3, 3, 7, 9]
    assert "label" not in kept
    assert "target_match" not in kept
