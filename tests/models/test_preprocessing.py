"""`preprocessing_fn` through the real Transform, against vocabularies counted by hand."""

from __future__ import annotations

import collections
import json

import numpy as np
import pytest
import tensorflow as tf

from models import features, preprocessing
from models.features import FeatureSizes
from models.settings import PreprocessingSettings
from tests.models.transformed import DWELL, HISTORY, RawExample, Transformed, serialize

SHARED = {
    features.ITEM: (features.HISTORY_ITEM, features.TARGET_ITEM),
    features.CATEGORY: (features.HISTORY_CATEGORY, features.TARGET_CATEGORY),
    features.BEHAVIOR: (features.HISTORY_BEHAVIOR,),
}


def read(transformed: Transformed, split: str) -> dict[int | bytes, dict[str, np.ndarray]]:
    """Returns the transformed examples of a split by user."""
    files = tf.io.gfile.glob(transformed.files(split))
    spec = transformed.output.transformed_feature_spec()
    examples = {}
    for record in tf.data.TFRecordDataset(files, "GZIP"):
        parsed = tf.io.parse_single_example(record, spec)
        examples[parsed[features.USER_ID].numpy()[0]] = {k: v.numpy() for k, v in parsed.items()}
    return examples


def known_ids(examples: list[RawExample], names: tuple[str, ...]) -> collections.Counter:
    return collections.Counter(v for e in examples for name in names for v in e.get(name, []))


@pytest.mark.parametrize("kind", ["transformed", "transformed_bytes"])
def test_ids_are_shared_and_follow_frequency(kind, request):
    transformed = request.getfixturevalue(kind)
    for vocabulary, names in SHARED.items():
        counts = known_ids(transformed.splits["train"], names)
        if not counts:
            continue
        words = transformed.output.vocabulary_by_name(vocabulary)
        raw = [word if kind == "transformed_bytes" else int(word) for word in words]
        assert set(raw) == set(counts)
        frequencies = [counts[word] for word in raw]
        assert frequencies == sorted(frequencies, reverse=True)
        ids = {word: place for place, word in enumerate(raw, start=1)}
        for split, examples in transformed.splits.items():
            outputs = read(transformed, split)
            for example in examples:
                output = outputs[example[features.USER_ID][0]]
                for name in names:
                    expected = [ids.get(value, len(ids) + 1) for value in example[name]]
                    assert output[name].tolist() == expected


def test_the_rest_passes_through(transformed):
    for split, examples in transformed.splits.items():
        outputs = read(transformed, split)
        for example in examples:
            output = outputs[example[features.USER_ID][0]]
            for name in {*preprocessing.PASSED_THROUGH} - {features.TARGET_WEIGHT}:
                assert output[name].tolist() == example[name]


def test_cross_features_become_buckets(transformed):
    outputs = read(transformed, "train")
    for example in transformed.splits["train"]:
        expected = [1 + (v >= 1) + (v >= 5) for v in np.float32(example["history_dwell"])]
        assert outputs[example[features.USER_ID][0]]["history_dwell"].tolist() == expected


def test_sizes(transformed, transformed_bytes):
    train = transformed.splits["train"]
    sizes = preprocessing.feature_sizes(transformed.output, transformed.settings)
    items, categories, behaviors = (len(known_ids(train, names)) for names in SHARED.values())
    cross = {"behavior": behaviors + 2, "dwell": 5}
    assert sizes == FeatureSizes(items + 2, categories + 2, cross)
    plain = preprocessing.feature_sizes(transformed_bytes.output, transformed_bytes.settings)
    assert plain.cross == {}


def test_serving_needs_neither_labels_nor_positions(transformed):
    example = dict(transformed.splits["train"][0])
    for name in (
        features.LABEL,
        features.TARGET_REQUEST,
        features.TARGET_HIST_END,
        features.TARGET_LOCAL_BEGIN,
        features.TARGET_MATCH,
        features.USER_ID,
    ):
        del example[name]
    spec = {k: v for k, v in transformed.output.raw_feature_spec().items() if k in example}
    raw = tf.io.parse_example([serialize(example)], spec)
    outputs = transformed.output.transform_features_layer()(raw)
    assert set(outputs) == set(example)


def test_settings_read_nothing_but_features():
    config = json.dumps({"features": DWELL, "history": HISTORY, "seed": 1})
    settings = PreprocessingSettings.from_custom_config({"config": config})
    assert settings == PreprocessingSettings.model_validate({"features": DWELL})
