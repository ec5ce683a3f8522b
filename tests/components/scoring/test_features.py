"""What is known of users and of targets travels through packing and freezing: scores stay equal."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.scoring import by_user
from components.scoring.exported_model import Model
from components.scoring.frozen import Freezer
from models import features
from pipeline.ablation.pack import pack
from tests.models.transformed import RawExample, serialize

# Packed examples are the same sums of float32 in another order, see tests/models/test_signatures.
OTHER_ORDER = 2e-5
BLOCKS = 3  # of users


def alone(example: RawExample, target: int, end: int) -> RawExample:
    """One target of a user, who sees the first `end` behaviours."""
    found = {}
    for name, values in example.items():
        if name.startswith(features.HISTORY_PREFIX):
            found[name] = values[:end]
        elif name == features.TARGET_HIST_END:
            found[name] = [end]
        elif name in (features.TARGET_MATCH, features.TARGET_LOCAL_BEGIN):
            continue  # the serving graph computes them
        elif name.startswith(features.TARGET_PREFIX) or name == features.LABEL:
            found[name] = values[target : target + 1]
        else:
            found[name] = values
    return found


@pytest.fixture(scope="module")
def blocks(transformed_features) -> list[list[RawExample]]:
    """Examples of one target each, as the eval split holds them; a user is in one block."""
    rng = np.random.default_rng(0)
    users = []
    for number, example in enumerate(transformed_features.splits["validation"]):
        count = len(example[features.TARGET_ITEM])
        ends = np.sort(rng.integers(0, len(example[features.HISTORY_ITEM]) + 1, count))
        mine = [alone(example, t, int(end)) for t, end in enumerate(ends)]
        if number % 5 == 0 and count > 1:  # what is known of a user has changed on the way
            mine[0] |= {"user_taste": [b"t1", b"t2"], "user_income": [float("nan")]}
            mine[-1] |= {"user_taste": [], "user_age": [b""]}
        users.append(mine)
    sizes = {len(e["user_taste"]) for mine in users for e in mine}
    assert {0, 1, 2, 3} <= sizes
    assert any(np.isnan(e["target_rank"]).any() for mine in users for e in mine)
    assert any(e["target_tab"] == [b""] for mine in users for e in mine)
    return [list(itertools.chain(*users[k::BLOCKS])) for k in range(BLOCKS)]


@pytest.fixture(scope="module")
def model(model_of_features) -> Model:
    return Model(str(model_of_features))


def one_by_one(model: Model, examples: list[RawExample]) -> np.ndarray:
    return np.array([model(np.array([serialize(e)], object))[0, 0, 0] for e in examples])


def decoded(block: list[RawExample]):
    return ExamplesToRecordBatchDecoder().DecodeBatch([serialize(e) for e in block])


def test_what_the_model_reads_is_told_by_its_signature(model):
    assert {"user_taste", "user_age", "target_tab", "target_rank", "history_dwell"} <= model.reads
    assert not {"target_hour", "user_id", "item_author"} & model.reads


def test_targets_scored_by_user_are_scored_as_alone(model, blocks):
    read = 0
    for block in blocks:
        found = by_user.score(model, decoded(block), model.reads)[:, 0]
        expected = one_by_one(model, block)
        np.testing.assert_allclose(found, expected, atol=OTHER_ORDER)
        assert expected.std() > 0.01
        packed = by_user.pack(decoded(block), model.reads)
        read += len(packed.counts)
    assert read < sum(map(len, blocks)) / 2  # histories are read once for many targets


def test_a_list_that_is_empty_in_a_whole_block_is_scored_as_empty(model, blocks):
    """Without a schema, the decoder cannot tell its type, and other blocks have one."""
    empty = [example | {"user_taste": []} for example in blocks[0]]
    assert pa.types.is_null(decoded(empty).column("user_taste").type)
    found = by_user.score(model, decoded(empty), model.reads)[:, 0]
    np.testing.assert_allclose(found, one_by_one(model, empty), atol=OTHER_ORDER)
    for order in ((blocks[1], empty), (empty, blocks[1])):
        alone, together = [], Freezer(model.reads)
        for block in order:
            freezer = Freezer(model.reads)
            freezer.add(decoded(block))
            together.add(decoded(block))
            alone.append(frozen_scores(model, freezer.packed()))
        both = frozen_scores(model, together.packed())
        np.testing.assert_allclose(both, np.concatenate(alone), atol=OTHER_ORDER)


def frozen_scores(model: Model, packed: by_user.Packed) -> np.ndarray:
    return packed.restore(by_user.score_packed(model, packed.serialized, packed.counts))[:, 0]


def test_frozen_targets_see_the_user_as_at_the_first_one(model, blocks):
    freezer, examples = Freezer(model.reads), list(itertools.chain(*blocks))
    for block in blocks:
        freezer.add(decoded(block))
    found = frozen_scores(model, freezer.packed())
    first: dict[int, RawExample] = {}
    for example in examples:
        (user,), (time,) = example[features.USER_ID], example[features.TARGET_TIME]
        if user not in first or time < first[user][features.TARGET_TIME][0]:
            first[user] = example
    literal = []
    for example in examples:
        shared = first[example[features.USER_ID][0]]
        seen = {n: v for n, v in shared.items() if n.startswith(("history_", "user_"))}
        seen[features.TARGET_HIST_END] = shared[features.TARGET_HIST_END]
        literal.append(example | seen)
    np.testing.assert_allclose(found, one_by_one(model, literal), atol=OTHER_ORDER)


def test_a_packed_split_scores_as_its_examples(model, blocks):
    whole = pack([serialize(example) for example in block] for block in blocks)
    scores = by_user.score_packed(
        model,
        np.array(whole.examples, object),
        np.array([len(decoded_items(example)) for example in whole.examples]),
    )[:, 0]
    keys = zip(whole.targets["user"], whole.targets["item"], whole.targets["time"], strict=True)
    found = sorted(zip(keys, scores, strict=True))
    examples = list(itertools.chain(*blocks))
    truth = one_by_one(model, examples)
    names = (features.USER_ID, features.TARGET_ITEM, features.TARGET_TIME)
    expected = sorted(
        (tuple(e[name][0] for name in names), score)
        for e, score in zip(examples, truth, strict=True)
    )
    assert [key for key, _ in found] == [key for key, _ in expected]
    np.testing.assert_allclose(
        [score for _, score in found], [score for _, score in expected], atol=OTHER_ORDER
    )


def decoded_items(example: bytes) -> list[int]:
    named = tf.train.Example.FromString(example).features.feature
    return named[features.TARGET_ITEM].int64_list.value
