"""A request whose features do not fit each other is an error that names one, never a score."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models import features, requests
from models.config import DinConfig
from models.features import PROBABILITY, SCORE, SERVING_DEFAULT
from models.inputs import Layout
from models.preprocessing import feature_sizes
from models.registry import build_model
from models.settings import HistorySettings
from models.signatures import ServingModule
from tests.models.transformed import HISTORY, RawExample, serialize

CONFIG = DinConfig(name="din", item_dim=8, category_dim=4, num_heads=2, mlp_units=(16,))
L, T = 5, 3
DWELL = features.history_feature("dwell")
EXAMPLE: RawExample = {
    features.HISTORY_ITEM: [3, 1, 4, 1, 5],
    features.HISTORY_CATEGORY: [3, 1, 4, 1, 5],
    features.HISTORY_BEHAVIOR: [1, 1, 2, 1, 3],
    features.HISTORY_TIME: [10, 20, 30, 40, 50],
    DWELL: [0.5, 1.5, 2.5, 3.5, 9.5],
    features.TARGET_ITEM: [9, 2, 6],
    features.TARGET_CATEGORY: [2, 2, 6],
    features.TARGET_TIME: [60, 60, 60],
}
NAMES = tuple(EXAMPLE)
SPAN = 0, 400  # seconds of training


@pytest.fixture(scope="module")
def served(transformed, tmp_path_factory):
    """The signatures of an exported model, loaded by TensorFlow alone."""
    model = build_model(CONFIG, feature_sizes(transformed.output, transformed.settings), seed=1)
    folder = str(tmp_path_factory.mktemp("model"))
    ServingModule(model, transformed.output, HistorySettings(**HISTORY), SPAN).export(folder)
    loaded = tf.saved_model.load(folder)
    yield loaded.signatures


def scored(served, *examples: RawExample | bytes) -> np.ndarray:
    serialized = [e if isinstance(e, bytes) else serialize(e) for e in examples]
    return served[SERVING_DEFAULT](tf.constant(serialized))[PROBABILITY].numpy()


def refusal(served, *examples: RawExample | bytes) -> str:
    with pytest.raises(tf.errors.InvalidArgumentError) as failure:
        scored(served, *examples)
    return str(failure.value)


def without(name: str) -> RawExample:
    return {key: values for key, values in EXAMPLE.items() if key != name}


def test_the_request_that_the_faults_are_made_from_is_scored(served):
    both = scored(served, EXAMPLE, EXAMPLE | {features.TARGET_HIST_END: [0, 5, 3]})
    assert both.shape == (2, T)
    assert np.isfinite(both).all()
    np.testing.assert_allclose(both[0, 1], both[1, 1], atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_feature_that_is_missing_or_misspelt_is_named(served, name):
    misspelt = serialize(EXAMPLE).replace(name.encode(), name.replace("_", "-").encode())
    count, other = (L, "history_") if name.startswith("history_") else (T, "target_")
    for fault in (without(name), misspelt, EXAMPLE | {name: []}):
        told = refusal(served, fault)
        assert f"{name}: 0 values where {other}" in told
        assert f" has {count} in example 0; a feature that is missing or misspelt has 0" in told


@pytest.mark.parametrize("name", NAMES)
def test_a_column_of_another_length_is_named_with_its_example(served, name):
    shorter = refusal(served, EXAMPLE, EXAMPLE, EXAMPLE | {name: EXAMPLE[name][:-1]})
    count = len(EXAMPLE[name])
    assert f"{name}: {count - 1} values where " in shorter
    assert f" has {count} in example 2" in shorter
    longer = refusal(served, EXAMPLE, EXAMPLE | {name: EXAMPLE[name] + EXAMPLE[name][:1]})
    assert f" where {name} has {count + 1} in example 1" in longer


@pytest.mark.parametrize("name", NAMES)
def test_a_feature_of_another_type_is_named(served, name):
    texts = [str(value).encode() for value in EXAMPLE[name]]
    told = refusal(served, EXAMPLE | {name: texts})
    assert name in told
    assert "Data types don't match" in told


@pytest.mark.parametrize("garbage", [b"not an example", bytes(range(255)), b"\xff" * 40])
def test_bytes_that_are_no_example_are_refused(served, garbage):
    # TensorFlow quotes them; where they are no text, its Python raises TypeError over the quote.
    with pytest.raises((tf.errors.InvalidArgumentError, TypeError)):
        scored(served, EXAMPLE, garbage)


@pytest.mark.parametrize("empty", [b"", {features.HISTORY_ITEM: []}])
def test_an_example_without_targets_is_refused(served, empty):
    assert "target_item: there must be at least one target" in refusal(served, EXAMPLE, empty)
    assert " none in example 1" in refusal(served, EXAMPLE, empty)


def test_a_user_without_history_is_scored(served):
    targets = {name: values for name, values in EXAMPLE.items() if name.startswith("target_")}
    assert np.isfinite(scored(served, targets)).all()


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ([5, 5], "target_hist_end: 2 values for 3 targets in example 1"),
        ([5, 6, 0], "target_hist_end: must be 0 to 5, the length of the history. Received: 6"),
        ([5, 0, -1], "target_hist_end: must be 0 to 5, the length of the history. Received: -1"),
    ],
)
def test_ends_outside_the_history_are_refused(served, ends, words):
    told = refusal(served, EXAMPLE, EXAMPLE | {features.TARGET_HIST_END: ends})
    assert words in told
    assert "in example 1" in told


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_what_is_no_number_is_named_with_its_example(served, value):
    values = [0.5, 1.5, 2.5, 3.5, value]
    told = refusal(served, EXAMPLE, EXAMPLE | {DWELL: values})
    assert (
        f"{DWELL}: must be a number, or NaN where it is missing. Received: {value:.0f} in" in told
    )
    dwell = tf.constant([EXAMPLE[DWELL], values], tf.float32)
    assert f"{DWELL}: must be a number" in refused_tensors(
        served, **{DWELL: dwell, features.HISTORY_LENGTH: tf.constant([L, L], tf.int64)}
    )
    # What is behind a history is padding, whatever it is.
    assert np.isfinite(served[SCORE](**(tensors() | {DWELL: dwell}))[PROBABILITY].numpy()).all()


@pytest.mark.parametrize("order", [[50, 40, 30, 20, 10], [10, 20, 30, 50, 40]])
def test_a_history_that_is_not_in_order_is_refused(served, order):
    told = refusal(served, EXAMPLE, EXAMPLE | {features.HISTORY_TIME: order})
    later, earlier = (50, 40)
    assert (
        f"history_time: must rise, the oldest behaviour first. Received: {earlier} after {later} "
        "in example 1"
    ) in told
    # Of two users, the last time of one and the first of the next are no fall.
    assert np.isfinite(scored(served, EXAMPLE, EXAMPLE)).all()


def test_milliseconds_are_told_from_seconds(served):
    year = 365 * 86_400
    for name in (features.HISTORY_TIME, features.TARGET_TIME):
        far = [time + 31 * year for time in EXAMPLE[name]]
        told = refusal(served, EXAMPLE, EXAMPLE | {name: far})
        assert (
            f"{name}: must be in seconds since 1970. Received: {far[0]}, more than 30 years from "
            "the times of training, 0 to 400, in example 1"
        ) in told
    near = EXAMPLE | {features.TARGET_TIME: [29 * year] * T}
    assert np.isfinite(scored(served, near)).all()


def test_what_came_later_is_hidden(served):
    at = [25, 60, 40]
    later = EXAMPLE | {features.TARGET_TIME: at}
    found = scored(served, later)[0]
    for place, seen in enumerate((2, L, 3)):  # of 10, 20, 30, 40, 50; those of its second are not
        cut = {
            name: values[:seen] if name.startswith("history_") else [values[place]]
            for name, values in later.items()
        }
        np.testing.assert_allclose(found[place], scored(served, cut)[0, 0], atol=1e-6)
    assert abs(scored(served, EXAMPLE)[0, 0] - found[0]) > 1e-4
    # Who says how much a target sees is believed.
    ends = later | {features.TARGET_HIST_END: [L, L, L]}
    np.testing.assert_allclose(scored(served, ends)[0, 0], scored(served, EXAMPLE)[0, 0], atol=1e-6)


def test_more_scores_than_memory_may_hold_are_refused(monkeypatch):
    """Of the most targets and the longest history, since all examples are padded to both."""
    monkeypatch.setattr(requests, "MOST_PAIRS", 20)
    lengths = {features.HISTORY_ITEM: [4, 9], features.HISTORY_TIME: [4, 9]}
    lengths |= {features.TARGET_ITEM: [6, 1], features.TARGET_TIME: [6, 1]}
    raw = {n: tf.RaggedTensor.from_row_lengths(tf.range(sum(x)), x) for n, x in lengths.items()}
    raw[features.HISTORY_TIME] *= 0
    requests.checked(raw, Layout(), max_length=3)
    with pytest.raises(tf.errors.InvalidArgumentError) as failure:
        requests.checked(raw, Layout(), max_length=4)
    assert (
        "target_item: 6 targets of 4 behaviours each are more than 20 pairs; ask about fewer "
        "targets at a time"
    ) in str(failure.value)


def tensors(rows: int = 2) -> dict[str, tf.Tensor]:
    """Two users as `score` takes them."""
    given = {name: tf.constant([values] * rows) for name, values in EXAMPLE.items()}
    for name in given:
        if name != DWELL:
            given[name] = tf.cast(given[name], tf.int64)
    return given | {features.HISTORY_LENGTH: tf.constant([L, L - 2][:rows], tf.int64)}


def refused_tensors(served, **changed: tf.Tensor) -> str:
    with pytest.raises(tf.errors.InvalidArgumentError) as failure:
        served[SCORE](**(tensors() | changed))
    return str(failure.value)


@pytest.mark.parametrize("name", NAMES)
def test_tensors_of_another_shape_are_named(served, name):
    assert np.isfinite(served[SCORE](**tensors())[PROBABILITY].numpy()).all()
    count = len(EXAMPLE[name])
    narrow = refused_tensors(served, **{name: tensors()[name][:, :-1]})
    assert f"{name}: {count - 1} columns where " in narrow
    assert f" has {count}" in narrow
    wide = refused_tensors(served, **{name: tf.pad(tensors()[name], [[0, 0], [0, 1]])})
    assert f" where {name} has {count + 1}" in wide
    few = refused_tensors(served, **{name: tensors()[name][:1]})
    assert f"{name}: 1 rows where " in few


@pytest.mark.parametrize("lengths", [[5, 6], [0, -1], [5, 2**40]])
def test_a_history_length_outside_the_columns_is_named(served, lengths):
    told = refused_tensors(served, history_length=tf.constant(lengths, tf.int64))
    assert "history_length: must be 0 to 5, the columns of history_item" in told
    assert f"Received: {lengths[1]} in row 1" in told


def test_as_many_lengths_as_rows_are_needed(served):
    told = refused_tensors(served, history_length=tf.constant([5], tf.int64))
    assert "history_length: 1 rows where history_item has 2" in told


def test_tensors_without_targets_are_refused(served):
    names = [name for name in NAMES if name.startswith("target_")]
    told = refused_tensors(served, **{name: tensors()[name][:, :0] for name in names})
    assert "target_item: there must be at least one target" in told


@pytest.mark.parametrize("name", [*NAMES, features.HISTORY_LENGTH])
def test_a_tensor_that_is_missing_or_misspelt_is_named(served, name):
    given = tensors()
    tensor = given.pop(name)
    for fault in (given, given | {name + "s": tensor}):
        with pytest.raises(TypeError, match=name):
            served[SCORE](**fault)


@pytest.mark.parametrize("name", [*NAMES, features.HISTORY_LENGTH])
def test_a_tensor_of_another_type_is_refused(served, name):
    wanted = "a float tensor" if name == DWELL else "a int64 tensor"
    told = refused_tensors(served, **{name: tf.as_string(tensors()[name])})
    assert f"expected to be {wanted} but is a string tensor" in told
