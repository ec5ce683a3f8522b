"""What holds for every model."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models import view
from models.config import MODELS
from models.layers import by_user
from models.registry import BUILDERS
from models.view import View
from tests.models.batches import random_batch, tensors
from tests.models.small_models import VARIANTS, config, small_model

# Other shapes and programs sum float32 in another order, which each CPU chooses. Attention scores
# of these models reach 1,000, where one rounding is worth 3e-5: relatively so much is open in
# attention weights, and so in logits. Those of two targets differ by some tenths.
TOLERANCE = {"rtol": 1e-4, "atol": 1e-4}


@pytest.fixture(scope="module", params=VARIANTS)
def model(request):
    return small_model(request.param)


def test_every_configured_model_has_a_builder():
    assert set(MODELS) == set(BUILDERS) == {variant.split()[0] for variant in VARIANTS}


def test_logits_are_finite_and_of_each_target(model):
    batch = random_batch(targets=4)
    batch["target_valid"][1] = False  # a user of padding alone; another has no history
    logits = model(tensors(batch)).numpy()
    assert logits.shape == (3, 4)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()


def test_padding_changes_nothing(model):
    plain = model(tensors(random_batch())).numpy()
    padded = random_batch(padding=5)
    for name in padded:
        if name.startswith("target_") or name == "label":
            wide = np.pad(padded[name], [(0, 0), (0, 2)])
            padded[name] = wide
    np.testing.assert_allclose(model(tensors(padded)).numpy()[:, :4], plain, **TOLERANCE)


def test_users_do_not_see_each_other(model):
    batch = random_batch()
    order = [2, 0, 1]
    shuffled = {name: values[order] for name, values in batch.items()}
    np.testing.assert_allclose(
        model(tensors(shuffled)), model(tensors(batch)).numpy()[order], **TOLERANCE
    )


def test_targets_do_not_see_each_other(model):
    batch = random_batch(users=2, targets=3)
    together = model(tensors(batch)).numpy()
    for t in range(3):
        alone = {
            name: values[:, t : t + 1] if name.startswith(("target", "label")) else values
            for name, values in batch.items()
        }
        np.testing.assert_allclose(model(tensors(alone))[:, 0], together[:, t], **TOLERANCE)


@settings(max_examples=4)
@given(st.integers(0, 2**32 - 1))
def test_what_is_not_visible_changes_nothing(model, seed):
    batch = random_batch(seed)
    before = model(tensors(batch)).numpy()
    changed = random_batch(seed + 1, length=batch["history_item"].shape[1])
    u = np.random.default_rng(seed).integers(len(before))
    end = batch["target_hist_end"][u].max()
    for name in ("item", "category", "behavior", "time"):
        batch[f"history_{name}"][u, end:] = changed[f"history_{name}"][u, end:]
    np.testing.assert_array_equal(model(tensors(batch)), before)


def test_all_ways_to_read_behaviors_give_the_same(model, monkeypatch):
    batch = tensors(random_batch(seed=3))
    masked = model(batch).numpy()
    monkeypatch.setattr(view, "MASKED_LENGTH", 0)
    np.testing.assert_allclose(model(batch), masked, **TOLERANCE)
    monkeypatch.setattr(View, "_sources", lambda self, chosen: None)
    np.testing.assert_allclose(model(batch), masked, **TOLERANCE)


def test_one_user_at_a_time_gives_the_same(model, monkeypatch):
    batch = tensors(random_batch(seed=3))
    together = model(batch).numpy()
    monkeypatch.setattr(by_user, "LONG_HISTORY", 0)
    np.testing.assert_allclose(model(batch), together, **TOLERANCE)


def train(model, batch):
    """Returns the loss and all gradients, tables' as dense."""
    with tf.GradientTape() as tape:
        loss = model.compute_loss(batch, training=True)
    gradients = tape.gradient(loss, model.trainable_variables)
    return loss, [tf.convert_to_tensor(g) for g in gradients]


@pytest.mark.parametrize(
    ("variant", "masked"),
    [(name, view.MASKED_LENGTH) for name in BUILDERS]
    + [("twin per head", 0), ("mirrn diagonal gru", 0)],
)
def test_training_compiles_and_equals_eager(variant, masked, monkeypatch):
    monkeypatch.setattr(view, "MASKED_LENGTH", masked)
    model = small_model(variant)
    batch = tensors(random_batch(seed=4, users=2, targets=2))
    loss, gradients = train(model, batch)
    jit_loss, jit_gradients = tf.function(train, jit_compile=True)(model, batch)
    assert np.isfinite(loss.numpy())
    np.testing.assert_allclose(jit_loss, loss, **TOLERANCE)
    for variable, jit, eager in zip(
        model.trainable_variables, jit_gradients, gradients, strict=True
    ):
        np.testing.assert_allclose(jit, eager, rtol=1e-3, atol=1e-5, err_msg=variable.name)


def test_a_saved_model_of_unknown_shapes_gives_the_same(model, tmp_path):
    drawn = random_batch(seed=5, length=40)  # three blocks of a search
    for name in ("target_hist_end", "target_local_begin", "target_time"):
        drawn[name][:, 1] = drawn[name][:, 2] = drawn[name][:, 0]  # shown at one moment
    batch = tensors(drawn)
    spec = {
        name: tf.TensorSpec([None] * value.shape.rank, value.dtype) for name, value in batch.items()
    }
    module = tf.Module()
    module.kept = model.variables
    module.score = tf.function(lambda batch: model(batch), input_signature=[spec])
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    np.testing.assert_allclose(loaded.score(batch), model(batch), **TOLERANCE)


def test_one_target_scores_as_among_others_where_it_is_known_to_be_alone(model):
    drawn = random_batch(seed=5, length=40)
    alone = {}
    for name, values in drawn.items():
        user = values[:1]
        alone[name] = user[:, :1] if name.startswith("target_") or name == "label" else user
    batch = tensors(alone)
    spec = {
        name: tf.TensorSpec(
            [1, None if name.startswith("history_") else 1][: x.shape.rank], x.dtype
        )
        for name, x in batch.items()
    }
    traced = tf.function(model, input_signature=[spec])
    np.testing.assert_allclose(traced(batch), model(tensors(drawn))[:1, :1], **TOLERANCE)


def test_tables_have_sparse_gradients(model):
    batch = tensors(random_batch(seed=7))
    with tf.GradientTape() as tape:
        loss = model.compute_loss(batch, training=True)
    for gradient in tape.gradient(loss, model.embedding_variables):
        assert isinstance(gradient, tf.IndexedSlices)


def test_same_seed_same_weights():
    one, same, other = (small_model("twin", seed) for seed in (1, 1, 2))
    for a, b in zip(one.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


def test_configs_survive_json():
    for variant in VARIANTS:
        before = config(variant)
        assert type(before).model_validate_json(before.model_dump_json()) == before
