"""The frame: its loss by hand, and that it learns."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from models.base import CtrModel
from models.features import FeatureSizes
from models.label_config import LabelTask, LabelTasks
from models.registry import build_model
from tests.models.batches import SIZES, random_batch, tensors
from tests.models.small_models import config, small_model
from tests.models.test_ranking_loss import by_loops


def test_loss_is_the_cross_entropy_of_valid_targets_and_the_ranking_within_requests():
    model = small_model("twin", ranking_weight=1)
    batch = random_batch()
    logits = model(tensors(batch)).numpy()
    total, count = 0.0, 0
    for b, t in np.ndindex(*logits.shape):
        if batch["target_valid"][b, t]:
            p = 1 / (1 + np.exp(-logits[b, t]))
            total -= np.log(p if batch["label"][b, t] else 1 - p)
            count += 1
    assert count == logits.size - 1
    cross_entropy, loss = model.losses_of(tensors(batch))
    np.testing.assert_allclose(cross_entropy, total / count, rtol=1e-5)
    names = ("label", "target_valid", "target_request")
    expected = by_loops(logits, *(batch[name] for name in names))
    assert expected > 0
    np.testing.assert_allclose(loss, cross_entropy + expected, rtol=1e-5)
    np.testing.assert_array_equal(model.compute_loss(tensors(batch)), loss)


def test_dropped_ids_train_the_unknown_rows_and_no_score_is_dropped():
    plain, model = (small_model("twin", id_dropout=rate) for rate in (0.0, 0.5))
    for mine, theirs in zip(model.trainable_variables, plain.trainable_variables, strict=True):
        mine.assign(theirs)  # the layer of one draws a seed, which may change weights after it
    batch = random_batch()
    for name in ("item", "category"):
        for side in ("history", "target"):  # nothing is unknown
            batch[f"{side}_{name}"] %= getattr(SIZES, name) - 1
    np.testing.assert_array_equal(model(tensors(batch)), plain(tensors(batch)))

    @tf.function(jit_compile=True, autograph=False)
    def gradients(model):
        with tf.GradientTape() as tape:
            loss = model.compute_loss(tensors(batch), training=True)
        tables = [model.embedding.tables[name] for name in ("item", "category")]
        return [tf.convert_to_tensor(g) for g in tape.gradient(loss, tables)]

    for model_, trains in ((plain, False), (model, True)):
        for of_steps in zip(*(gradients(model_) for _ in range(12)), strict=True):
            assert any(bool((step[-1].numpy() != 0).any()) for step in of_steps) == trains


@pytest.mark.parametrize("length", [12, 300])  # read under a mask, and gathered
@pytest.mark.parametrize(("summary_len", "reads"), [(0, []), (5, [5]), (8, [5, 8])])
def test_summary_tells_what_the_attention_does_not_read(summary_len, reads, length):
    model = small_model("din", summary_len=summary_len)  # attends to the last 3
    batch = random_batch(length=length)
    batch["target_hist_end"][0] = length
    before = model(tensors(batch)).numpy()
    for age in (5, 8):
        changed = batch["history_behavior"].copy()
        changed[0, length - age] = changed[0, length - age] % 4 + 1
        after = model(tensors(batch | {"history_behavior": changed})).numpy()
        assert (after[0, :3] != before[0, :3]).all() == (age in reads)
        np.testing.assert_array_equal(after[1:], before[1:])


def test_summary_without_cross_features_tells_the_length():
    sizes = FeatureSizes(item=40, category=7, cross={})
    batch = random_batch(sizes=sizes)
    for name in ("item", "category"):
        batch[f"history_{name}"][0, 8:] = 2  # the attention reads three equal behaviours
    batch["target_hist_end"][0] = [12, 11, 11, 11]
    for name in ("item", "category", "time"):
        batch[f"target_{name}"][0] = batch[f"target_{name}"][0, 0]
    for summary_len in (0, 5):
        model = build_model(config("din", summary_len=summary_len), sizes, 0)
        logits = model(tensors(batch)).numpy()
        assert logits[0, 1] == logits[0, 2]
        assert (logits[0, 0] != logits[0, 1]) == (summary_len > 0)


def test_ranking_loss_is_left_out_by_default():
    cross_entropy, loss = small_model("twin").losses_of(tensors(random_batch()))
    assert loss == cross_entropy > 0


LABELS = LabelTasks(
    primary="click",
    weight=0.5,
    others={"like": LabelTask(given="click", weight=2), "share": LabelTask(weight=0.25)},
)


def model_of_labels() -> CtrModel:
    return build_model(config("din"), dataclasses.replace(SIZES, labels=LABELS), 0)


def batch_of_labels() -> dict[str, np.ndarray]:
    batch, rng = random_batch(), np.random.default_rng(5)
    for name in ("label_like", "label_share"):
        batch[name] = rng.integers(0, 2, batch["label"].shape).astype(np.float32)
    batch["label_like"] *= batch["label"]
    batch["label_share"][0, :2] = batch["label_like"][1] = np.nan
    return batch


def test_loss_of_several_labels_is_a_mean_over_what_is_known_of_each():
    model, batch = model_of_labels(), batch_of_labels()
    batch["target_weight"] = np.random.default_rng(6).random(batch["label"].shape)
    batch["target_weight"] = batch["target_weight"].astype(np.float32)
    towers = {}
    logits = model.label_logits(tensors(batch)).numpy().astype(np.float64)
    p = dict(
        zip(("click", "like", "share"), np.moveaxis(1 / (1 + np.exp(-logits)), -1, 0), strict=True)
    )
    assert (p["like"] < p["click"]).all()
    expected = 0.0
    for name, weight in (("click", 0.5), ("like", 2), ("share", 0.25)):
        total = count = 0.0
        labels = batch["label" if name == "click" else f"label_{name}"]
        for at in np.ndindex(*labels.shape):
            if batch["target_valid"][at] and not np.isnan(labels[at]):
                chance = p[name][at] if labels[at] else 1 - p[name][at]
                total -= batch["target_weight"][at] * np.log(chance)
                count += batch["target_weight"][at]
        towers[name] = total / count
        expected += weight * towers[name]
    cross_entropy, loss = model.losses_of(tensors(batch))
    np.testing.assert_allclose(cross_entropy, towers["click"], rtol=1e-5)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_weight_two_is_the_target_twice():
    model = small_model("twin", ranking_weight=1)
    batch = random_batch(targets=3)
    twice = {
        name: np.concatenate([values, values[:, :1]], 1)
        if name.startswith(("target_", "label"))
        else values
        for name, values in batch.items()
    }
    batch["target_weight"] = np.ones(batch["label"].shape, np.float32)
    batch["target_weight"][:, 0] = 2
    found, expected = (model.losses_of(tensors(of))[0] for of in (batch, twice))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_labels_that_are_not_known_teach_nothing():
    model, batch = model_of_labels(), batch_of_labels()
    for name in ("label_like", "label_share"):
        batch[name][:] = np.nan
    with tf.GradientTape() as tape:
        cross_entropy, loss = model.losses_of(tensors(batch))
    assert loss.numpy() == 0.5 * cross_entropy.numpy() > 0
    gradients = tape.gradient(loss, model.head.towers[2].trainable_variables)
    assert all(not np.any(g) for g in gradients)


def test_one_label_of_several_models_is_the_model_of_one():
    one = build_model(config("twin"), SIZES, 0)
    named = dataclasses.replace(SIZES, labels=LabelTasks(primary="click"))
    other = build_model(config("twin"), named, 0)
    batch = tensors(random_batch())
    np.testing.assert_array_equal(one(batch), other(batch))
    assert other.label_logits(batch).shape == (3, 4, 1)


def test_loss_of_a_batch_without_targets_is_zero():
    batch = random_batch()
    batch["target_valid"][:] = False
    assert small_model("twin", ranking_weight=1).compute_loss(tensors(batch)).numpy() == 0


def test_labels_of_padding_do_not_matter():
    model = small_model("twin", ranking_weight=1)
    batch = random_batch()
    before = model.compute_loss(tensors(batch))
    batch["label"][~batch["target_valid"]] = 1 - batch["label"][~batch["target_valid"]]
    np.testing.assert_array_equal(model.compute_loss(tensors(batch)), before)


def test_model_fits_a_batch():
    model = small_model("twin")
    batch = tensors(random_batch())
    optimizer = tf.keras.optimizers.Adam(0.05)
    step = tf.function(
        lambda: optimizer.minimize(lambda: model.compute_loss(batch), model.trainable_variables)
    )
    before = model.compute_loss(batch).numpy()
    for _ in range(30):
        step()
    assert model.compute_loss(batch).numpy() < before / 10


def test_models_of_logs_without_cross_features():
    sizes = FeatureSizes(item=40, category=7, cross={})
    for variant in ("twin", "mirrn", "avg_pooling"):
        model = build_model(config(variant), sizes, 0)
        assert np.isfinite(model(tensors(random_batch(sizes=sizes)))).all()
