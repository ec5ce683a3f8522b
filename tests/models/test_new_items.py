"""An item that a request tells of is scored as one of which the table of items says the same."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models import features
from models.features import PROBABILITY, SCORE, SCORE_NEW_ITEMS, SERVING_DEFAULT
from models.preprocessing import feature_sizes
from models.registry import build_model
from models.settings import HistorySettings
from models.signatures import ServingModule
from tests.models.features_of_all_kinds import NAN, items_of
from tests.models.served import load_signatures
from tests.models.small_models import config
from tests.models.test_signatures import raw_tensors, request
from tests.models.transformed import HISTORY, UNKNOWN, RawExample, serialize

TOLD = ("author", "tags", "words", "price", "length")


@pytest.fixture(scope="module", params=["din", "dare"])
def served(request, transformed_features, tmp_path_factory):
    """A model whose items have no vectors, which no request can tell, and its signatures."""
    sizes = feature_sizes(
        transformed_features.output, transformed_features.settings, transformed_features.items()
    )
    model = build_model(config(request.param), sizes, seed=1)
    for variable in model.trainable_variables:
        variable.assign_add(tf.random.stateless_normal(variable.shape, [1, 2], stddev=0.15))
    for variable in model.non_trainable_variables:
        if variable.shape[1:] == [3] and variable.dtype == tf.float32:
            variable.assign(tf.zeros_like(variable))
    folder = str(tmp_path_factory.mktemp("served") / "model")
    module = ServingModule(
        model,
        transformed_features.output,
        HistorySettings(**HISTORY),
        configured=transformed_features.settings.features,
    )
    module.export(folder)
    return load_signatures(folder)


def _scores(served, examples: list[RawExample]) -> np.ndarray:
    serialized = tf.constant([serialize(example) for example in examples])
    return served[SERVING_DEFAULT](serialized)[PROBABILITY]


def _told(known: dict, targets: int) -> RawExample:
    """What is known of an item, as a request tells it of each target."""
    tags = ",".join(tag.decode() for tag in known["tags"]).encode()
    author = b" %s " % known["author"]  # spaces are cut off, as the log's were
    values = {"author": author, "tags": tags, "words": b" , " + tags} | {
        name: known[name] for name in ("price", "length")
    }
    return {features.target_feature(name): [value] * targets for name, value in values.items()}


def _dense(told: RawExample) -> dict[str, tf.Tensor]:
    """The same as arguments of `score_new_items`."""
    kinds = {bytes: tf.string, float: tf.float32}
    return {name: tf.constant([v], kinds[type(v[0])]) for name, v in told.items()}


@pytest.fixture(scope="module")
def rare(transformed_features) -> dict[int, dict]:
    """What is known of the items that have the unknown item's row: those seen once or never."""
    known = items_of(transformed_features.splits)
    found = {item: of for item, of in known.items() if of["count"] < 2}
    assert len(found) >= 10
    return found


def _example(transformed, item: int) -> RawExample:
    example = request(transformed.splits["validation"][3])
    targets = len(example[features.TARGET_ITEM])
    return example | {features.TARGET_ITEM: [item] * targets}


def test_told_features_are_worth_those_of_the_table(served, transformed_features, rare):
    differ = 0
    for item, of in rare.items():
        known = _example(transformed_features, item)
        unknown = _example(transformed_features, UNKNOWN[int])
        told = _told(of, len(known[features.TARGET_ITEM]))
        junk = _told(rare[min(rare)], len(known[features.TARGET_ITEM]))
        asked = [known, unknown, unknown | told, known | junk]
        expected, plain, found, known_too = _scores(served, asked)
        np.testing.assert_allclose(found, expected, atol=2e-5)
        np.testing.assert_allclose(known_too, expected, atol=2e-5)  # the table knows better
        differ += bool(np.abs(plain - expected).max() > 1e-3)
    assert differ > len(rare) / 2


def test_both_signatures_read_them(served, transformed_features, rare):
    item = max(rare)
    example = _example(transformed_features, UNKNOWN[int])
    tensors = {name: tf.constant(x) for name, x in raw_tensors([example]).items()}
    targets = len(example[features.TARGET_ITEM])
    told = _told(rare[item], targets)
    more = _dense(told)
    (expected,) = _scores(served, [example | told])
    found = served[SCORE_NEW_ITEMS](**tensors, **more)[PROBABILITY][0]
    np.testing.assert_allclose(found, expected, atol=2e-5)
    missing = {tf.float32: NAN, tf.string: b""}
    without = {n: tf.fill([1, targets], tf.constant(missing[v.dtype])) for n, v in more.items()}
    untold = served[SCORE_NEW_ITEMS](**tensors, **without)[PROBABILITY]
    plain = served[SCORE](**tensors)[PROBABILITY]
    np.testing.assert_allclose(untold, plain, atol=2e-5)


def test_one_target_alone_is_scored_as_among_others(served, transformed_features, rare):
    """Told of or not, and known or not: a request of one target has a graph of its own."""
    item = max(rare)
    for asked, told in ((item, {}), (UNKNOWN[int], {}), (UNKNOWN[int], _told(rare[item], 1))):
        many = _example(transformed_features, asked)
        targets = len(many[features.TARGET_ITEM])
        assert targets > 1
        one = {n: x[:1] if n.startswith(features.TARGET_PREFIX) else x for n, x in many.items()}
        expected = _scores(served, [many | {name: v * targets for name, v in told.items()}])
        found = _scores(served, [one | told])
        np.testing.assert_allclose(found, expected[:, :1], atol=2e-5)
        tensors = {name: tf.constant(x) for name, x in raw_tensors([one]).items()}
        if not told:
            dense = served[SCORE](**tensors)[PROBABILITY]
            np.testing.assert_allclose(dense, expected[:, :1], atol=2e-5)
            continue
        dense = served[SCORE_NEW_ITEMS](**tensors, **_dense(told))[PROBABILITY]
        np.testing.assert_allclose(dense, expected[:, :1], atol=2e-5)


def test_one_feature_alone_can_be_told(served, transformed_features, rare):
    """The others are missing then; and targets of other examples are as they were."""
    unknown = _example(transformed_features, UNKNOWN[int])
    targets = len(unknown[features.TARGET_ITEM])
    told = {"target_price": [3.0] * targets}
    whole = {"target_author": [b""] * targets, "target_tags": [b""] * targets}
    found = _scores(served, [unknown | told, unknown, unknown | told | whole])
    np.testing.assert_allclose(found[0], found[2], atol=2e-5)
    assert np.abs(found[0] - found[1]).max() > 1e-4
    (alone,) = _scores(served, [unknown])
    np.testing.assert_allclose(found[1], alone, atol=2e-5)


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"target_author": [b"a1"]}, "target_author: 1 values for"),
        ({"target_price": [float("inf")] * 8}, "target_price: must be a number"),
    ],
)
def test_what_does_not_fit_is_an_error(served, transformed_features, told, says):
    example = _example(transformed_features, UNKNOWN[int])
    targets = len(example[features.TARGET_ITEM])
    assert targets > 1
    told = {name: values[:targets] if len(values) > 1 else values for name, values in told.items()}
    with pytest.raises(tf.errors.InvalidArgumentError, match=says):
        _scores(served, [example | told])
