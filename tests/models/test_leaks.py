"""Features that tell the label are refused, those that are merely strong are not."""

from __future__ import annotations

import types

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from models import leaks
from models.errors import InputError
from models.feature_config import Features
from models.features import ItemTable
from models.inputs import Examples, Layout
from models.settings import PreprocessingSettings

FEATURES: Features = PreprocessingSettings.model_validate(
    {
        "features": {
            "author": {"of": "item", "column": "x"},
            "tags": {"of": "item", "column": "x", "type": "ids"},
            "age": {"of": "user", "column": "x"},
            "tab": {"of": "context", "column": "x"},
            "dwell": {"of": "event", "column": "x", "type": "number", "boundaries": [1.0]},
        }
    }
).features
ITEMS = 50


def split(rng: np.random.Generator, told: str | None, right: float):
    """Users whose labels are told by the parity of one feature, in a share `right` of targets."""
    users, each = 120, 3
    items = rng.integers(1, ITEMS, [users, each])
    age, tab = rng.integers(1, 9, users), rng.integers(1, 9, [users, each])
    values = {
        "author": AUTHORS[items, 0],
        "tags": AUTHORS[items, 0],
        "age": np.repeat(age[:, None], each, 1),
        "tab": tab,
        None: rng.integers(0, 2, [users, each]),
    }[told]
    label = (values % 2) ^ (rng.random([users, each]) > right)

    def ragged(flat, size):
        return tf.RaggedTensor.from_row_lengths(flat, [size] * users + [0])

    columns = {
        "target_item": ragged(items.ravel(), each),
        "target_tab": ragged(tab.ravel(), each),
        "user_age": ragged(age, 1),
        "label": ragged(label.ravel().astype(np.float32), each),
    }
    whole = Examples(np.arange(users), columns, Layout())
    return types.SimpleNamespace(parts=lambda: iter([whole]))


AUTHORS = np.random.default_rng(7).integers(1, 9, [ITEMS + 1, 1])
TABLE = ItemTable(ITEMS, {"author": AUTHORS, "tags": AUTHORS}, {})


def check(told, right, train=None):
    rng = np.random.default_rng(0)
    leaks.check(train or split(rng, told, right), split(rng, told, right), FEATURES, TABLE)


@pytest.mark.parametrize("name", ["author", "age", "tab"])
@pytest.mark.parametrize("right", [1.0, 0.98, 0.01])  # 0.01: the opposite tells as much
def test_a_feature_that_tells_the_label_is_refused(name, right):
    message = rf"`features.{name}` alone ranks .* AUC of (1\.000|0\.9\d\d), above 0.95.*`of: event`"
    with pytest.raises(InputError, match=message):
        check(name, right)


@pytest.mark.parametrize("name", ["author", "age", "tab", "tags", None])
def test_a_strong_feature_is_not(name):
    check(name, 0.9)
    check(None, 1.0)


def test_lists_are_not_tried():
    leaks.check(
        *(split(np.random.default_rng(0), "tags", 1.0) for _ in range(2)),
        {"tags": FEATURES["tags"], "dwell": FEATURES["dwell"]},
        TABLE,
    )


def test_few_labels_tell_nothing():
    rng = np.random.default_rng(0)
    train, validation = split(rng, "tab", 1.0), split(rng, "tab", 1.0)
    (whole,) = validation.parts()
    labels = whole.columns["label"].flat_values.numpy()
    labels[np.flatnonzero(labels)[9:]] = 0
    whole.columns["label"] = whole.columns["label"].with_flat_values(labels)
    leaks.check(train, validation, FEATURES, TABLE)


def test_every_label_counts_where_it_is_known():
    rng = np.random.default_rng(0)
    told, (whole,) = split(rng, None, 1.0), split(rng, "tab", 1.0).parts()
    labels = whole.columns["label"].flat_values.numpy()
    labels[::3] = np.nan
    (plain,) = told.parts()
    plain.columns["target_tab"] = whole.columns["target_tab"]
    plain.columns["label_like"] = whole.columns["label"].with_flat_values(labels)
    with pytest.raises(InputError, match=r"`features.tab` alone .* it tells the label 'like'; if"):
        leaks.check(told, told, FEATURES, TABLE)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1)), min_size=1),
    st.lists(st.integers(0, 7)),
)
def test_rates_are_those_of_a_loop(known, asked):
    whole = sum(label for _, label in known) / len(known)
    truth = []
    for value in asked:
        labels = [label for other, label in known if other == value]
        truth.append((sum(labels) + whole) / (len(labels) + 1))
    values, labels = (np.array(x) for x in zip(*known, strict=True))
    found = leaks.rates(values, labels.astype(np.float32), np.array(asked, int))
    np.testing.assert_allclose(found, truth, rtol=1e-6)
