"""Every layer can be rebuilt from its configuration, and survives a SavedModel."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models import layers
from models.layers import Window

RNG = np.random.default_rng(0)
QUERIES = tf.constant(RNG.normal(size=(2, 3, 2, 6)), tf.float32)
TARGET = tf.constant(RNG.normal(size=(2, 3, 4)), tf.float32)
ROWS = tf.constant(RNG.normal(size=(2, 5, 6)), tf.float32)
SIGNS = tf.constant(RNG.choice([-1, 1], (2, 5, 6)), tf.float32)
MASK = tf.constant(RNG.random((2, 3, 5)) < 0.5)
WINDOW = Window(tf.zeros([2, 3], tf.int32), tf.fill([2, 3], 5))
IDS = tf.constant([[1, 0, 2], [2, 2, 1]])

CASES = [
    (
        layers.BehaviorEmbedding(3, 3, {"behavior": 3}, 2, 2, 1),
        ({"item": IDS, "category": IDS, "behavior": IDS},),
    ),
    (layers.CrossFeatureBias(2, 3), (ROWS,)),
    (layers.TargetRelevance(2, 1, 2), (TARGET,)),
    (layers.TargetRelevance(2, 1, 2, projection=False), (TARGET,)),
    (layers.TargetRelevance(2, 1, 2, length_modulation=True), (TARGET, WINDOW.size)),
    (layers.LengthModulation(4), (WINDOW.size,)),
    (layers.TargetPositionEncoding(3), (IDS, IDS)),
    (layers.SimHash(6, 4, seed=5), (ROWS,)),
    (layers.TargetAttention(2, 6, 2, 4), (QUERIES, ROWS, MASK)),
    (layers.FourierTransformer(2, "diagonal", "matmul", 0.1), (QUERIES, MASK[..., :2])),
    (
        layers.GatedAttention(2, 3, max_steps=4),
        (
            layers.Encoded(ROWS + 3, ROWS[:, :3] + 4),
            layers.Gaps.of(tf.range(10, 0, -1)[:5][None] * tf.ones([2, 1], tf.int32), IDS, IDS),
        ),
    ),
    (layers.InterestFusion(2, 2, 6, 4), (TARGET, QUERIES)),
    (layers.ItemBias(3), (IDS,)),
    (layers.HistorySummary(2), (WINDOW.size, ROWS, MASK)),
    (layers.HashCollisionPooling(3), (SIGNS[:, :3], SIGNS, ROWS, WINDOW.first)),
    (layers.InnerProductSearch(2), (TARGET, ROWS[..., :4], WINDOW)),
    (layers.HammingSearch(2), (SIGNS[:, :3, None], SIGNS, WINDOW)),
    (layers.AgreementSearch(2, 1.5), (SIGNS[:, :3, None], SIGNS, WINDOW)),
    (layers.CategorySearch(2), (IDS, tf.tile(IDS, [1, 2])[:, :5], WINDOW)),
    (layers.RecencySearch(2), (IDS, IDS, WINDOW)),
    (layers.MassSearch(2), (QUERIES, ROWS, WINDOW)),
    (layers.ConsistentSearch(2, per_head=True), (QUERIES, ROWS, WINDOW)),
]


def outputs(layer, arguments):
    return tf.nest.flatten(layer(*arguments))


@pytest.mark.parametrize(
    ("layer", "arguments"), CASES, ids=[type(layer).__name__ for layer, _ in CASES]
)
def test_layer_survives_its_config_and_a_saved_model(layer, arguments, tmp_path):
    expected = outputs(layer, arguments)
    again = tf.keras.layers.deserialize(tf.keras.layers.serialize(layer))
    outputs(again, arguments)  # builds
    again.set_weights(layer.get_weights())
    module = tf.Module()
    module.layer = layer
    module.call = tf.function(lambda: outputs(layer, arguments), input_signature=[])
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    for value, rebuilt, reloaded in zip(
        expected, outputs(again, arguments), loaded.call(), strict=True
    ):
        np.testing.assert_allclose(value, rebuilt, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(value, reloaded, rtol=1e-5, atol=1e-6)
