"""A model that reads features of every kind, exported as the Trainer does."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from models.config import DinConfig
from models.preprocessing import feature_sizes
from models.registry import build_model
from models.settings import HistorySettings
from models.signatures import ServingModule
from tests.models.transformed import HISTORY

CONFIG = DinConfig(name="din", item_dim=8, category_dim=4, num_heads=2, mlp_units=(16,))


@pytest.fixture(scope="session")
def model_of_features(transformed_features, tmp_path_factory) -> Path:
    """The folder of its SavedModel."""
    found = transformed_features
    sizes = feature_sizes(found.output, found.settings, found.items())
    model = build_model(CONFIG, sizes, seed=1)
    for variable in model.trainable_variables:  # far from the start, where all scores are 0.5
        variable.assign_add(tf.random.stateless_normal(variable.shape, [1, 2], stddev=0.15))
    folder = tmp_path_factory.mktemp("model_of_features")
    ServingModule(model, found.output, HistorySettings(**HISTORY)).export(str(folder))
    return folder
