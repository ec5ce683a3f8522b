"""Ids that training takes for unknown ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import tensorflow as tf

from models import features
from models.layers import IdDropout

SIZES = {"item": 200, "category": 30}
ITEMS = np.arange(200, dtype=np.int32)


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """Draws from a generator with a seed, as the trainer does."""
    tf.keras.backend.experimental.enable_tf_random_generator()
    tf.keras.utils.set_random_seed(0)
    yield
    tf.keras.backend.experimental.disable_tf_random_generator()


def _batch() -> dict[str, tf.Tensor]:
    rng = np.random.default_rng(0)
    return {
        "history_item": tf.constant(rng.integers(0, 260, [3, 500]), tf.int32),
        "target_item": tf.constant(rng.integers(0, 260, [3, 40]), tf.int32),
        "history_category": tf.constant(rng.integers(0, 30, [3, 500]), tf.int32),
        "target_category": tf.constant(rng.integers(0, 30, [3, 40]), tf.int32),
        "batch_items": tf.range(260),
        "history_place": tf.zeros([3, 500], tf.int32),
    }


def _shares(layer: IdDropout, steps: int) -> np.ndarray:
    """Whether each item was taken, [steps, items]."""
    batch = {"target_item": tf.constant(ITEMS)}
    return np.stack([layer(batch, training=True)["target_item"] != ITEMS for _ in range(steps)])


def test_an_id_is_unknown_in_the_whole_batch_or_nowhere_in_it():
    batch = _batch()
    found = IdDropout(0.3, SIZES)(batch, training=True)
    assert found.keys() == batch.keys() | {"batch_own_items"}
    for untouched in ("batch_items", "history_place"):
        assert found[untouched] is batch[untouched]
    columns = {
        "item": ("history_item", "target_item", "batch_own_items"),
        "category": ("history_category", "target_category"),
    }
    for vocabulary, names in columns.items():
        before = np.concatenate(
            [np.ravel(batch[n if n != "batch_own_items" else "batch_items"]) for n in names]
        )
        after = np.concatenate([np.ravel(found[name]) for name in names])
        taken = set(before[after != before])
        assert 0.1 < len(taken) / len(set(before)) < 0.6
        assert features.PADDING_ID not in taken
        expected = [SIZES[vocabulary] - 1 if x in taken else x for x in before.tolist()]
        np.testing.assert_array_equal(after, expected)


def test_items_and_categories_are_taken_independently_and_others_in_each_step():
    layer = IdDropout(0.25, SIZES)
    taken = _shares(layer, 4000)[:, 1:-1].astype(float)
    # Four standard errors of a mean of 4,000; each item at the rate, each pair at its square.
    np.testing.assert_allclose(taken.mean(0), 0.25, atol=4 * (0.25 * 0.75 / 4000) ** 0.5 + 0.005)
    both = taken.T @ taken / len(taken)
    off = both[~np.eye(len(both), dtype=bool)]
    np.testing.assert_allclose(off, 0.25**2, atol=5.5 * (0.0625 * 0.9375 / 4000) ** 0.5)
    ids = tf.constant(np.arange(30), tf.int32)
    equal = [
        np.array_equal(found["target_item"] == 199, found["target_category"] == 29)
        for _ in range(5)
        for found in [layer({"target_item": ids, "target_category": ids}, training=True)]
    ]
    assert not all(equal)


def test_the_seed_tells_which_ids_are_taken():
    draws = []
    for seed in (3, 3, 4):
        tf.keras.utils.set_random_seed(seed)
        layer = IdDropout(0.5, SIZES)
        layer(_batch())  # a model is built by a call that does not train
        draws.append(_shares(layer, 3))
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()
