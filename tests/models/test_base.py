"""The frame: its loss by hand, and that it learns."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tests.models.batches import random_batch, tensors
from tests.models.small_models import small_model
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
    cross_entropy, ranking = model.losses_of(tensors(batch))
    np.testing.assert_allclose(cross_entropy, total / count, rtol=1e-5)
    names = ("label", "target_valid", "target_request")
    expected = by_loops(logits, *(batch[name] for name in names))
    assert expected > 0
    np.testing.assert_allclose(ranking, expected, rtol=1e-5)
    both = cross_entropy + expected
    np.testing.assert_allclose(model.compute_loss(tensors(batch)), both, rtol=1e-5)


def test_ranking_loss_is_left_out_by_default():
    cross_entropy, ranking = small_model("twin").losses_of(tensors(random_batch()))
    assert ranking == 0 and cross_entropy > 0


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
    from models.features import FeatureSizes
    from models.registry import build_model
    from tests.models.small_models import config

    sizes = FeatureSizes(item=40, category=7, cross={})
    for variant in ("twin", "mirrn", "avg_pooling"):
        model = build_model(config(variant), sizes, 0)
        assert np.isfinite(model(tensors(random_batch(sizes=sizes)))).all()
