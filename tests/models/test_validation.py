"""Frozen validation examples against loops, and what validation says of its split."""

from __future__ import annotations

import types

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models import features, lists, metrics
from models.buckets import BatchShape
from models.frozen import freeze, frozen_batches
from models.inputs import Examples, Layout
from models.settings import HistorySettings
from models.validation import Validation
from tests.models.transformed import HISTORY, MATCH, literal_local_begin, literal_match

SHAPES = [BatchShape(4, 8, 3), BatchShape(2, 40, 2)]
SETTINGS = HistorySettings(**HISTORY)
UNKNOWN = 9


def examples(rng: np.random.Generator, count: int, users: int) -> tuple[Examples, list[dict]]:
    """Packed examples of some users, and the same as plain lists."""
    rows = []
    for _ in range(count):
        targets = int(rng.integers(1, 4))
        length = int(rng.integers(0, 9 if targets == 3 else 20))
        times = np.sort(rng.integers(0, 300, length))
        rows.append(
            {
                "user": int(rng.integers(users)),
                features.HISTORY_ITEM: rng.integers(1, 50, length),
                features.HISTORY_CATEGORY: rng.integers(1, UNKNOWN + 1, length),
                features.HISTORY_TIME: times,
                features.TARGET_ITEM: rng.integers(1, 50, targets),
                features.TARGET_CATEGORY: rng.integers(1, UNKNOWN + 1, targets),
                features.TARGET_TIME: np.sort(rng.choice(10**6, targets, replace=False)) + 300,
                features.TARGET_REQUEST: rng.integers(0, 3, targets),
                features.TARGET_HIST_END: np.sort(rng.integers(0, length + 1, targets)),
                features.LABEL: rng.integers(0, 2, targets).astype(np.float32),
            }
        )
    columns = {}
    for name in rows[0].keys() - {"user"}:
        values = np.concatenate([row[name] for row in rows])
        kind = np.float32 if name == features.LABEL else np.int64
        kind = kind if name in (features.LABEL, *TIMES) else np.int32
        lengths = [len(row[name]) for row in rows] + [0]
        columns[name] = tf.RaggedTensor.from_row_lengths(values.astype(kind), lengths)
    return Examples(np.array([row["user"] for row in rows]), columns, Layout(MATCH)), rows


TIMES = (features.HISTORY_TIME, features.TARGET_TIME)


def split_of(found: Examples, in_memory: bool = True) -> types.SimpleNamespace:
    return types.SimpleNamespace(parts=lambda: iter([found]), in_memory=in_memory)


def targets_of(rows: list[dict]) -> dict[int, list[tuple]]:
    """By user: every target, its example and place in it, the earliest first."""
    found: dict[int, list[tuple]] = {}
    for row in rows:
        for place, time in enumerate(row[features.TARGET_TIME]):
            found.setdefault(row["user"], []).append((int(time), row, place))
    return {user: sorted(targets, key=lambda t: t[0]) for user, targets in found.items()}


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 9), users=st.integers(1, 4))
def test_every_target_once_with_the_first_ones_history_and_the_positions_of_serving(
    seed, count, users
):
    found, rows = examples(np.random.default_rng(seed), count, users)
    truth = targets_of(rows)
    seen: dict[int, list] = {}
    for dataset, users_of_batches in frozen_batches(split_of(found), SHAPES, SETTINGS, UNKNOWN):
        for batch, whose in zip(dataset, users_of_batches, strict=True):
            batch = {name: values.numpy() for name, values in batch.items()}
            for b, user in enumerate(whose):
                _, row, place = truth[user][0]
                end = row[features.TARGET_HIST_END][place]
                assert batch[features.HISTORY_LENGTH][b] == end
                for name in (features.HISTORY_ITEM, *TIMES[:1]):
                    np.testing.assert_array_equal(batch[name][b, :end], row[name][:end])
                times = row[features.HISTORY_TIME][:end].tolist()
                categories = row[features.HISTORY_CATEGORY][:end].tolist()
                known = [c if c != UNKNOWN else None for c in categories]
                for t in np.flatnonzero(batch[features.TARGET_VALID][b]):
                    mine = {n: batch[n][b, t] for n in batch if n.startswith("target_")}
                    time, category = mine[features.TARGET_TIME], mine[features.TARGET_CATEGORY]
                    assert mine[features.TARGET_HIST_END] == end
                    assert mine[features.TARGET_LOCAL_BEGIN] == literal_local_begin(
                        times, time, HISTORY["session_gap"], HISTORY["min_local"]
                    )
                    assert mine[features.TARGET_MATCH].tolist() == literal_match(
                        known, category, MATCH
                    )
                    values = (mine[features.TARGET_ITEM], time, batch[features.LABEL][b, t])
                    seen.setdefault(user, []).append(tuple(map(float, values)))
    for user, targets in truth.items():
        names = (features.TARGET_ITEM, features.TARGET_TIME, features.LABEL)
        wanted = [tuple(float(row[name][place]) for name in names) for _, row, place in targets]
        assert sorted(seen.pop(user)) == sorted(wanted)
    assert not seen


def test_pieces_fit_into_shapes():
    found, _ = examples(np.random.default_rng(0), 30, 2)
    frozen = freeze(found, SHAPES)
    lengths = frozen.columns[features.HISTORY_ITEM].row_lengths()[:-1].numpy()
    targets = frozen.columns[features.TARGET_ITEM].row_lengths()[:-1].numpy()
    assert len(frozen) > 2
    for length, count in zip(lengths, targets, strict=True):
        assert any(s.length >= length and s.targets >= count for s in SHAPES)


class Scores:
    """Stands for `Steps`: scores by the number of behaviours seen, and the target's time."""

    def predict(self, batch):
        end = tf.cast(batch[features.TARGET_HIST_END], tf.float32)
        noise = tf.cast(batch[features.TARGET_TIME] % 97, tf.float32) / 970
        return tf.sigmoid(end / 20 + noise)[..., None]


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("protocol", [lists.REQUEST, lists.FROZEN])
def test_metrics_are_those_of_rolling_histories_and_within_users_of_the_protocol(
    protocol, in_memory
):
    found, rows = examples(np.random.default_rng(5), 60, 12)
    flat = found.columns[features.TARGET_REQUEST]
    # All of an example in one request, or every target in its own.
    numbers = np.arange(len(flat.flat_values)).astype(np.int32)
    if protocol == lists.REQUEST:
        numbers = np.repeat(np.arange(len(rows)), flat.row_lengths()[:-1].numpy()).astype(np.int32)
    found.columns[features.TARGET_REQUEST] = flat.with_values(tf.constant(numbers))
    split = split_of(found, in_memory)
    made = []
    split.batches = lambda shapes, seed: made.append(1) or iter([_rolling(found)])
    validation = Validation(split, SHAPES, Scores(), SETTINGS, UNKNOWN)
    assert (validation.protocol, validation.undefined) == (protocol, frozenset())
    label, score, user, frozen = [], [], [], []
    for who, targets in targets_of(rows).items():
        first = targets[0][1][features.TARGET_HIST_END][targets[0][2]]
        for time, row, place in targets:
            noise, end = (time % 97) / 970, row[features.TARGET_HIST_END][place]
            label.append(row[features.LABEL][place])
            score.append(1 / (1 + np.exp(-(end / 20 + noise))))
            frozen.append(1 / (1 + np.exp(-(first / 20 + noise))))
            user.append(who)
    values = validation()
    assert values["validation_auc"] == pytest.approx(metrics.auc(label, score), abs=1e-6)
    assert values["validation_loss"] == pytest.approx(metrics.logloss(label, score), rel=1e-5)
    if protocol == lists.FROZEN:
        truth = metrics.gauc_over_time(label, frozen, user)
        assert truth != metrics.gauc_over_time(label, score, user)
        assert values["validation_gauc"] == pytest.approx(truth, abs=1e-6)
    assert validation() == values  # the next epoch's, of the same weights
    assert len(made) == (1 if in_memory else 2)


def test_contexts_are_those_of_the_predictions():
    found, _ = examples(np.random.default_rng(6), 60, 12)
    label = found.columns[features.LABEL]
    flat = label.flat_values.numpy()
    like = np.where(np.arange(len(flat)) % 3 == 0, np.nan, 1 - flat).astype(np.float32)
    found.columns[features.label_feature("like")] = label.with_values(tf.constant(like))
    split = split_of(found)
    split.batches = lambda shapes, seed: iter([_rolling(found)])
    validation = Validation(split, SHAPES, Likes(), SETTINGS, UNKNOWN, labels=["like"])
    primary, others = validation.predictions()

    def scores(batch):
        return Likes().predict(batch)

    for context, place, predictions in zip(
        validation.contexts(scores), (0, 1), (primary, others["like"]), strict=True
    ):
        np.testing.assert_array_equal(context[:, place], predictions.scores)
    assert len(others["like"].labels) == np.sum(np.arange(len(flat)) % 3 != 0)


class Likes(Scores):
    """Of two labels."""

    def predict(self, batch):
        found = super().predict(batch)
        return tf.concat([found, found**2], -1)


def _rolling(found: Examples):
    from models.inputs import plan_batches

    lengths, targets = (
        found.columns[name].row_lengths()[:-1].numpy()
        for name in (features.HISTORY_ITEM, features.TARGET_ITEM)
    )
    plan = plan_batches([BatchShape(8, 20, 3)], lengths, targets, None)
    return found.dataset(plan), [found.users[b.rows[b.rows < len(found)]] for b in plan]


def test_what_the_labels_do_not_define_is_known_before_anything_is_scored():
    found, _ = examples(np.random.default_rng(5), 20, 4)
    label = found.columns[features.LABEL]
    found.columns[features.LABEL] = label.with_values(tf.zeros_like(label.flat_values))
    validation = Validation(split_of(found), SHAPES, Scores(), SETTINGS, UNKNOWN)
    assert validation.undefined == {"auc", "gauc", "uauc", "ndcg_at_10", "mrr"}
    assert validation.clicks == 0
