"""Importance on scores that read one feature alone, and in a training run."""

from __future__ import annotations

import itertools
import json
import types

import numpy as np
import pytest
import tensorflow as tf

from models import importance, leaks, trainer
from models.buckets import BatchShape
from models.feature_config import embedded
from models.features import Embedded, ItemTable
from models.inputs import Examples, Layout
from models.layers.item_features import ItemFeatures
from models.settings import PreprocessingSettings

SETTINGS = PreprocessingSettings.model_validate(
    {
        "features": {
            "author": {"of": "item", "column": "x"},
            "cover": {"of": "item", "type": "vector", "file": "f", "key": "k", "dim": 2},
            "age": {"of": "user", "column": "x"},
            "taste": {"of": "user", "column": "x", "type": "ids"},
            "tab": {"of": "context", "column": "x"},
            "page": {"of": "context", "column": "x"},
            "dwell": {"of": "event", "column": "x", "type": "number", "boundaries": [1.0]},
        },
        "tables": {"page": {"rows": "hash", "buckets": 50}},
    }
)
USERS, TARGETS, ITEMS = 90, 4, 40  # ids 1 to ITEMS, then that of unknown ones
SHAPES = [BatchShape(16, 4, 2), BatchShape(16, 8, TARGETS)]


def examples(rng: np.random.Generator) -> Examples:
    length, count = rng.integers(1, 9, USERS), rng.integers(1, TARGETS + 1, USERS)

    def ragged(values, sizes):
        return tf.RaggedTensor.from_row_lengths(values, np.append(sizes, 0))

    def ids(sizes, most=50):
        return ragged(rng.integers(1, most + 1, sizes.sum()).astype(np.int32), sizes)

    columns = {
        "history_item": ids(length, ITEMS + 1),
        "target_item": ids(count, ITEMS + 1),
        "user_age": ids(np.ones(USERS, int)),
        "user_taste": ids(rng.integers(0, 4, USERS)),
        "history_dwell": ids(length, 3),
        "label": ragged(rng.integers(0, 2, count.sum()).astype(np.float32), count),
    }
    for side, sizes in {"history": length, "target": count}.items():
        columns |= {f"{side}_{name}": ids(sizes) for name in ("tab", "page")}
        second = columns[f"{side}_page"]
        columns[f"{side}_page_2"] = second.with_flat_values(second.flat_values * 7 % 51)
    layout = Layout(values={"user_age": 1, "user_taste": 3}, single=frozenset({"user_age"}))
    return Examples(np.arange(USERS), columns, layout)


class Scores:
    """Stands for the model and its steps: scores by the values of one feature."""

    def __init__(self, read: str, rng: np.random.Generator) -> None:
        self.read = read
        ids = {"author": rng.integers(1, 6, (ITEMS + 2, 1)).astype(np.int32)}
        vectors = {"cover": rng.normal(size=(ITEMS + 2, 2)).astype(np.float32)}
        for values in (*ids.values(), *vectors.values()):
            values[0] = 0
        table = ItemTable(ITEMS, ids, vectors)
        self.items = ItemFeatures([Embedded("author", "author", 7)], table, units=2)
        if read == "author":
            self.items._vector_projections["cover"].assign(np.zeros([2, 2]))
        if read == "cover":
            self.items.tables["author"].assign(np.zeros([7, 2]))
        self.submodules = [tf.Module(), self.items]

    def predict(self, batch):
        if self.read in ("author", "cover"):
            items = batch["target_item"]
            rows = self.items(tf.reshape(items, [-1]))[:, 0]
            return tf.reshape(rows, tf.shape(items))[..., None]
        if f"target_{self.read}" in batch:
            return tf.cast(batch[f"target_{self.read}"], tf.float32)[..., None]
        shared = batch.get(f"user_{self.read}", batch.get(f"history_{self.read}"))
        score = tf.reduce_sum(tf.cast(shared, tf.float32), 1, keepdims=True)
        if self.read == "dwell":  # the mean, as shuffling leaves every history its length
            score /= tf.cast(batch["history_length"], tf.float32)[:, None]
        return tf.repeat(score, tf.shape(batch["target_item"])[1], 1)[..., None]


@pytest.mark.parametrize("read", list(SETTINGS.features))
def test_only_the_feature_that_scores_are_made_of_matters(read):
    rng = np.random.default_rng(3)
    scores, whole = Scores(read, rng), examples(rng)
    (batch,) = whole.dataset(plan(whole))
    flat = scores.predict(batch).numpy()[batch["target_valid"].numpy(), 0]
    labels = (flat > np.median(flat)).astype(np.float32)  # the label follows the score
    whole.columns["label"] = whole.columns["label"].with_flat_values(labels)
    split = types.SimpleNamespace(parts=lambda: iter([whole]))
    before = [weight.numpy() for weight in scores.items.weights]
    found = importance.importance(scores, scores, split, SHAPES, SETTINGS, seed=1)
    assert list(found) == list(SETTINGS.features)
    lost = found.pop(read)
    assert lost > 0.25
    assert set(found.values()) == {0.0}
    for weight, value in zip(scores.items.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)
    assert importance.importance(scores, scores, split, SHAPES, SETTINGS, seed=1)[read] == lost


def plan(whole: Examples):
    lengths, targets = (
        whole.columns[name].row_lengths().numpy()[:-1] for name in ("history_item", "target_item")
    )
    plans = importance.plan_batches([BatchShape(USERS, 8, TARGETS)], lengths, targets, None)
    assert [list(batch.rows) for batch in plans] == [list(range(USERS))]
    return plans


@pytest.mark.parametrize("name", ["age", "taste", "tab", "page", "dwell"])
def test_values_are_exchanged_and_neither_made_nor_lost(name):
    rng = np.random.default_rng(0)
    whole, feature = examples(rng), SETTINGS.features[name]
    both = [n for n in embedded(SETTINGS.features, SETTINGS.tables) if n in (name, f"{name}_2")]
    found = importance.exchanged(whole.columns, both, feature, rng)
    sides = {"user": ["user"], "context": ["history", "target"], "event": ["history"]}
    assert set(found) == {f"{side}_{n}" for side in sides[feature.of] for n in both}
    for column, values in found.items():
        old, new = whole.columns[column].to_list(), values.to_list()
        assert new != old
        assert new[-1] == []
        if feature.of == "user":  # a user's values stay together
            assert sorted(new) == sorted(old)
        else:
            assert sorted(itertools.chain(*new)) == sorted(itertools.chain(*old))
            assert [len(row) for row in new] == [len(row) for row in old]
        if column.endswith("_2"):  # two hashes of one value
            first = found[column.removesuffix("_2")].flat_values
            np.testing.assert_array_equal(values.flat_values, first * 7 % 51)


def test_targets_of_one_label_tell_nothing():
    whole = examples(np.random.default_rng(0))
    whole.columns["label"] = tf.zeros_like(whole.columns["label"])
    split = types.SimpleNamespace(parts=lambda: iter([whole]))
    scores = Scores("tab", np.random.default_rng(0))
    found = importance.importance(scores, scores, split, SHAPES, SETTINGS, seed=1)
    assert found == dict.fromkeys(SETTINGS.features)


def test_a_sample_has_whole_examples(monkeypatch):
    monkeypatch.setattr(importance, "MOST_TARGETS", 40)
    whole = examples(np.random.default_rng(0))
    sample = importance._sample(whole, np.random.default_rng(1))
    assert 40 - TARGETS < sample.columns["label"].flat_values.shape[0] <= 40
    for row, user in enumerate(sample.users):
        for name, column in sample.columns.items():
            assert column[row].numpy().tolist() == whole.columns[name][int(user)].numpy().tolist()


def test_a_training_run_tells_what_it_owes_to_features(transformed_features, trained_features):
    report = json.loads((trained_features / "run" / trainer.TRAINING_JSON).read_text())
    assert list(report["importance"]) == list(transformed_features.settings.features)
    assert all(-1 <= value <= 1 for value in report["importance"].values())
    assert any(report["importance"].values())


def test_a_feature_that_tells_the_label_stops_a_run_before_it_begins(
    transformed_features, tmp_path, monkeypatch
):
    monkeypatch.setattr(leaks, "MOST", 0.0)
    with pytest.raises(ValueError, match=r"`features.author` alone ranks"):
        trainer.run_fn(transformed_features.fn_args(tmp_path, {"epochs": 1}))
    assert not list(tmp_path.iterdir())
