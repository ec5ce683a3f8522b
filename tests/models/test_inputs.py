"""Batches: what they hold, how they are padded, in what order they come, and how many shapes."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models import features, moments
from models.buckets import MAX_SHAPES, BatchShape, assign, choose_shapes
from models.inputs import EmptySplitError, Layout, Split, plan_batches
from tests.models.test_preprocessing import read
from tests.models.transformed import MATCH, Transformed

EVERYTHING = 2**30
SHAPES = [BatchShape(8, 16, 4), BatchShape(4, 32, 8)]
WHOLE = {features.USER_ID, features.TARGET_MATCH, features.TARGET_REQUEST}


def open_split(
    transformed: Transformed, part_bytes: int = EVERYTHING, match: int | None = MATCH
) -> Split:
    files = sorted(map(str, (transformed.folder / "train").iterdir()))
    return Split(files, transformed.output.transformed_feature_spec(), Layout(match), part_bytes)


def batches(split: Split, *args, **kwargs):
    """Returns (batch, users) pairs of one epoch."""
    return [
        ({name: x.numpy() for name, x in batch.items()}, users)
        for dataset, all_users in split.batches(SHAPES, *args, **kwargs)
        for batch, users in zip(dataset, all_users, strict=True)
    ]


def test_an_epoch_holds_every_example_once_padded_on_the_right(transformed):
    expected = read(transformed, "train")
    seen = []
    for batch, users in batches(open_split(transformed), (1, 0)):
        shape = (*batch[features.HISTORY_ITEM].shape, batch[features.TARGET_ITEM].shape[1])
        assert BatchShape(*shape) in SHAPES
        for row, user in enumerate(users):
            seen.append(user)
            example = expected[user]
            length = len(example[features.HISTORY_ITEM])
            targets = len(example[features.TARGET_ITEM])
            assert batch[features.HISTORY_LENGTH][row] == length
            assert batch[features.TARGET_VALID][row].sum() == targets
            assert batch[features.TARGET_VALID][row][:targets].all()
            for name in example.keys() - WHOLE:
                values = batch[name][row]
                count = len(example[name])
                np.testing.assert_array_equal(values[:count], example[name], err_msg=name)
                assert not values[count:].any()
            match = batch[features.TARGET_MATCH][row]
            np.testing.assert_array_equal(match[:targets].ravel(), example[features.TARGET_MATCH])
            assert (match[targets:] == -1).all()
            assert (batch[features.TARGET_REQUEST][row][:targets] == 0).all()
            assert (batch[features.TARGET_REQUEST][row][targets:] == -1).all()
        missing = slice(len(users), None)
        assert not batch[features.TARGET_VALID][missing].any()
        assert not batch[features.HISTORY_LENGTH][missing].any()
    assert sorted(seen) == sorted(expected)


def test_types_are_those_of_the_contract(transformed):
    batch, _ = batches(open_split(transformed), (1, 0))[0]
    types = {name: values.dtype.name for name, values in batch.items()}
    assert types == {
        **dict.fromkeys(types, "int32"),
        features.HISTORY_TIME: "int64",
        features.TARGET_TIME: "int64",
        features.TARGET_VALID: "bool",
        features.LABEL: "float32",
    }
    assert batch[features.TARGET_MATCH].shape[2] == MATCH


def test_matches_that_no_model_reads_are_left_out(transformed):
    with_matches, _ = batches(open_split(transformed), None)[0]
    without, _ = batches(open_split(transformed, match=None), None)[0]
    assert with_matches.keys() - without.keys() == {features.TARGET_MATCH}
    for name, values in without.items():
        np.testing.assert_array_equal(values, with_matches[name], err_msg=name)


def order(split: Split, *args, **kwargs) -> list[list[int]]:
    return [list(users) for _, users in batches(split, *args, **kwargs)]


@pytest.mark.parametrize("part_bytes", [EVERYTHING, 1])
def test_order_depends_on_seed_and_epoch_alone_and_goes_on_anywhere(
    transformed, part_bytes, monkeypatch
):
    monkeypatch.setattr("models.inputs.PARSED_AT_ONCE", 50)  # 120 examples: 3 parts if they are cut
    split = open_split(transformed, part_bytes)
    epoch = order(split, (1, 0))
    assert len(epoch) == split.steps(SHAPES)
    assert order(open_split(transformed, part_bytes), (1, 0)) == epoch
    assert order(split, (1, 1)) != epoch
    assert order(split, (2, 0)) != epoch
    for first in (1, len(epoch) // 2, len(epoch)):
        assert order(split, (1, 0), first=first) == epoch[first:]


def test_the_end_of_an_epoch_waits_for_no_tuner(transformed):
    datasets = [dataset for dataset, _ in open_split(transformed).batches(SHAPES, (1, 0))]
    assert [dataset.options().autotune.enabled for dataset in datasets] == [False]


def test_an_empty_split_is_refused(transformed):
    spec = transformed.output.transformed_feature_spec()
    with pytest.raises(EmptySplitError, match="`files` must hold an example"):
        Split([], spec, Layout(), EVERYTHING)


sizes = st.lists(
    st.tuples(st.integers(0, 100_000), st.integers(1, 64)), min_size=1, max_size=200
).map(lambda pairs: np.array(pairs).T)


@settings(max_examples=50)
@given(data=sizes, users=st.integers(1, 32))
def test_few_shapes_hold_everything(data, users):
    lengths, targets = data
    shapes = choose_shapes(lengths, targets, users)
    assert 1 <= len(shapes) <= MAX_SHAPES
    chosen = [shapes[number] for number in assign(shapes, lengths, targets)]
    for shape, length, count in zip(chosen, lengths, targets, strict=True):
        assert shape.length >= length
        assert shape.targets >= count
        assert shape.users >= users
    assert max(shape.length for shape in shapes) == max(lengths.max(), 1)
    assert max(shape.targets for shape in shapes) == targets.max()


def test_a_whole_log_has_shapes_of_round_sizes_and_equal_work():
    rng = np.random.default_rng(0)
    lengths = np.minimum(rng.lognormal(5.5, 1.5, 200_000).astype(int), 2000)
    targets = rng.integers(1, 65, 200_000)
    shapes = choose_shapes(lengths, targets, 16)
    assert len(shapes) == MAX_SHAPES
    assert {s.length for s in shapes} <= {64, 128, 256, 512, 1024, 2000}
    assert {s.targets for s in shapes} <= {8, 16, 24, 32, 40, 48, 56, 64}
    for shape in shapes:
        assert 16 * 64 - shape.targets < shape.users * shape.targets <= 16 * 64


def test_a_small_log_has_one_shape():
    assert choose_shapes(np.array([3, 70, 40]), np.array([1, 5, 2]), 2) == [BatchShape(2, 70, 5)]


def test_batches_of_a_shape_are_full():
    lengths, targets = np.array([5, 20, 7, 9, 30]), np.array([2, 2, 8, 1, 1])
    plan = plan_batches([BatchShape(2, 16, 4), BatchShape(3, 32, 8)], lengths, targets, None)
    assert [batch.rows.tolist() for batch in plan] == [[0, 3], [1, 2, 4]]
    plan = plan_batches([BatchShape(4, 32, 8)], lengths, targets, None)
    assert [batch.rows.tolist() for batch in plan] == [[0, 1, 2, 3], [4, 5, 5, 5]]


def test_batches_tell_moments_where_a_model_reads_them(transformed):
    files = sorted(map(str, (transformed.folder / "train").iterdir()))
    layout = Layout(MATCH, moments=True)
    split = Split(files, transformed.output.transformed_feature_spec(), layout, EVERYTHING)
    shapes = choose_shapes(split.lengths, split.targets, 4, moments=split.moments)
    assert max(shape.moments for shape in shapes) == split.moments.max()
    seen = 0
    for dataset, _ in split.batches(shapes, (1, 0)):
        for batch in dataset:
            counts = {
                s.moments for s in shapes if s.targets == batch[features.TARGET_ITEM].shape[1]
            }
            assert batch[features.MOMENT_TARGET].shape[1] in counts
            shown = tf.gather(
                batch[features.MOMENT_TARGET],
                batch[features.MOMENT_OF_TARGET],
                axis=1,
                batch_dims=1,
            )
            for name in moments.TOLD:
                told = batch[name]
                same = tf.gather(told, shown, batch_dims=1) == told
                assert (same | ~batch[features.TARGET_VALID]).numpy().all()
            seen += int(tf.reduce_sum(tf.cast(batch[features.TARGET_VALID], tf.int32)))
    assert seen == split.targets.sum()
