"""Merging examples by user changes how often a history is read, never a score."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tfx_bsl.coders import example_coder

from components.scoring import by_user

WANTED = ("history_item", "history_time", "target_item", "target_time", "target_hist_end")


def literal_score(example: bytes) -> list[float]:
    """A score of each target that depends on the user's visible history and on the target."""
    named = tf.train.Example.FromString(example).features.feature
    values = {
        name: list(getattr(f, f.WhichOneof("kind")).value) if f.WhichOneof("kind") else []
        for name, f in named.items()
    }
    scores = []
    for item, time, end in zip(
        values["target_item"], values["target_time"], values["target_hist_end"], strict=True
    ):
        seen = tuple(zip(values["history_item"][:end], values["history_time"][:end], strict=True))
        scores.append(float(np.float32(hash((item, time, seen)) % 100_003 / 100_003)))
    return scores


class Model:
    """Scores batches literally, pads them with nonsense, and counts what it was given."""

    def __init__(self):
        self.examples = 0

    def __call__(self, serialized: np.ndarray) -> np.ndarray:
        found = [literal_score(example) for example in serialized]
        self.examples += len(found)
        padded = np.full((len(found), max(map(len, found))), np.nan, np.float32)
        for row, scores in zip(padded, found, strict=True):
            row[: len(scores)] = scores
        return padded


def batch(users, histories, targets, floats=None) -> pa.RecordBatch:
    """Decoded examples; `histories` are lists of (item, time), `targets` the same."""

    def lists(rows, type_=None):
        return pa.array(rows, pa.large_list(type_ or pa.int64()))

    columns = {
        "user_id": lists([[u] for u in users], None if isinstance(users[0], int) else pa.binary()),
        "history_item": lists([[item for item, _ in h] for h in histories]),
        "history_time": lists([[time for _, time in h] for h in histories]),
        "target_item": lists([[item for item, _ in t] for t in targets]),
        "target_time": lists([[time for _, time in t] for t in targets]),
        "target_hist_end": lists(
            [[len(h)] * len(t) for h, t in zip(histories, targets, strict=True)]
        ),
    }
    if floats is not None:
        columns["history_dwell"] = lists(floats, pa.float32())
    return pa.RecordBatch.from_pydict(columns)


def one_by_one(examples: pa.RecordBatch) -> list[float]:
    serialized = example_coder.RecordBatchToExamples(examples)
    return [score for example in serialized for score in literal_score(example)]


@st.composite
def logs(draw):
    """Examples in any order: prefixes of few histories, now and then with another beginning."""
    small = st.integers(0, 3)
    full = draw(st.lists(st.lists(st.tuples(small, small), max_size=6), min_size=1, max_size=3))
    users, histories, targets = [], [], []
    for _ in range(draw(st.integers(1, 12))):
        user = draw(st.integers(0, len(full) - 1))
        history = full[user]
        begin = draw(st.integers(0, 1))
        users.append(user)
        histories.append(history[begin : draw(st.integers(begin, 6))])
        if draw(st.booleans()) and histories[-1]:
            histories[-1] = [*histories[-1][:-1], (9, 9)]
        targets.append(draw(st.lists(st.tuples(small, small), min_size=1, max_size=3)))
    return users, histories, targets


@settings(max_examples=150)
@given(logs())
def test_scores_are_those_of_each_example_alone(log):
    examples = batch(*log)
    found = by_user.score(Model(), examples, WANTED)
    assert found.tolist() == one_by_one(examples)


def test_a_history_is_read_once_for_all_targets_of_its_user():
    history = [(item, 10 * item) for item in range(8)]
    users = [b"u", b"v", b"u", b"u"]
    histories = [history[:5], history[:5], history[:8], history[:2]]
    examples = batch(users, histories, [[(1, 60)], [(2, 60)], [(3, 90)], [(4, 25)]])
    model = Model()
    found = by_user.score(model, examples, WANTED)
    assert found.tolist() == one_by_one(examples)
    assert model.examples == 2


def test_histories_that_differ_in_one_feature_only_are_not_merged():
    history = [(1, 1), (2, 2)]
    examples = batch([0, 0], [history, history], [[(5, 9)], [(6, 9)]], [[0.5, 1.0], [0.5, 2.0]])
    model = Model()
    assert by_user.score(model, examples, WANTED).tolist() == one_by_one(examples)
    assert model.examples == 2
    same = batch([0, 0], [history, history], [[(5, 9)], [(6, 9)]], [[0.5, np.nan]] * 2)
    model = Model()
    by_user.score(model, same, WANTED)
    assert model.examples == 1
