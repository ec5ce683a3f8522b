"""Names and sizes of features."""

from __future__ import annotations

import dataclasses

import pytest

from models import features


def test_every_name_is_there_once():
    names = [v for k, v in vars(features).items() if k.isupper() and isinstance(v, str)]
    assert len(names) == len(set(names))


def test_cross_features_are_columns_of_the_history():
    assert features.history_feature("dwell") == "history_dwell"
    assert features.history_feature(features.BEHAVIOR) == features.HISTORY_BEHAVIOR


def test_sizes_cannot_change():
    sizes = features.FeatureSizes(item=10, category=3)
    assert dict(sizes.cross) == {}
    with pytest.raises(dataclasses.FrozenInstanceError):
        sizes.item = 11
