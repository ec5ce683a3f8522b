"""`preprocessing_fn` for TFX Transform: ids of the log become ids of shared vocabularies.

History and target share one vocabulary per kind of id, built on the `train` split: 0 is padding,
1..V are the known values by falling frequency, V+1 is "unknown". Positions, times and labels pass
through, so that serving may leave them out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from models import features
from models.settings import PreprocessingSettings

# The features that hold ids, by the vocabulary that they share.
VOCABULARIES: dict[str, tuple[str, ...]] = {
    features.ITEM: (features.HISTORY_ITEM, features.TARGET_ITEM),
    features.CATEGORY: (features.HISTORY_CATEGORY, features.TARGET_CATEGORY),
    features.BEHAVIOR: (features.HISTORY_BEHAVIOR,),
}
PASSED_THROUGH = (
    features.USER_ID,
    features.HISTORY_TIME,
    features.TARGET_TIME,
    features.TARGET_REQUEST,
    features.TARGET_HIST_END,
    features.TARGET_LOCAL_BEGIN,
    features.TARGET_MATCH,
    features.LABEL,
)


def preprocessing_fn(
    inputs: Mapping[str, tf.RaggedTensor], custom_config: Mapping[str, Any]
) -> dict[str, tf.RaggedTensor]:
    """Maps raw features to transformed features of the same names.

    Args:
      inputs: raw features; ids are int64 or bytes, ragged [B, L] or [B, T]. `history_behavior`,
        the configured cross features and all positions are optional.
      custom_config: what TFX hands over; `"config"` holds `PreprocessingSettings` as JSON.

    Returns:
      int64 ids for the id features and the configured cross features, the rest unchanged.
    """
    settings = PreprocessingSettings.from_custom_config(custom_config)
    outputs = {name: inputs[name] for name in PASSED_THROUGH if name in inputs}
    for vocabulary, names in VOCABULARIES.items():
        present = [name for name in names if name in inputs]
        if present:
            outputs |= _vocabulary_ids(vocabulary, {name: inputs[name] for name in present})
    for name, boundaries in settings.features.items():
        feature = features.history_feature(name)
        outputs[feature] = bucket_ids(inputs[feature], boundaries)
    return outputs


def bucket_ids(values: tf.RaggedTensor, boundaries: Sequence[float]) -> tf.RaggedTensor:
    """Returns 1 + the number of boundaries that are <= the value, so that 0 stays padding."""
    buckets = tf.raw_ops.Bucketize(input=values.flat_values, boundaries=list(boundaries))
    return values.with_flat_values(tf.cast(buckets, tf.int64) + 1)


def feature_sizes(
    transform_output: tft.TFTransformOutput, boundaries: Mapping[str, Sequence[float]]
) -> features.FeatureSizes:
    """Returns the table sizes that a model needs for the ids of `preprocessing_fn`.

    Args:
      transform_output: the result of a Transform run with `preprocessing_fn`.
      boundaries: of the configured cross features, by name.
    """

    def rows(vocabulary: str) -> int:
        return transform_output.vocabulary_size_by_name(vocabulary) + 2  # padding and unknown

    cross = {}
    if features.HISTORY_BEHAVIOR in transform_output.transformed_feature_spec():
        cross[features.BEHAVIOR] = rows(features.BEHAVIOR)
    cross |= {name: len(bounds) + 2 for name, bounds in boundaries.items()}
    return features.FeatureSizes(rows(features.ITEM), rows(features.CATEGORY), cross)


def _vocabulary_ids(
    vocabulary: str, inputs: Mapping[str, tf.RaggedTensor]
) -> dict[str, tf.RaggedTensor]:
    values = tf.concat([ragged.flat_values for ragged in inputs.values()], axis=0)
    path = tft.vocabulary(values, vocab_filename=vocabulary)
    outputs = {}
    for name, ragged in inputs.items():
        ids = tft.apply_vocabulary(ragged.flat_values, path, num_oov_buckets=1)
        outputs[name] = ragged.with_flat_values(ids + 1)
    return outputs
