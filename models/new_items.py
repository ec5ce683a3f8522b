"""Items that the table of items does not know, and whose features a request tells.

A request may have `target_<name>` for the features of items, but for vectors, one value for each
target; several values are one text with the feature's separator, as in the log. They count where
the table does not know the item: it then has the unknown item's row, and these features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from models import feature_config, features
from models.feature_config import Feature, IdsFeature, NumberFeature, VectorFeature

Ragged = Mapping[str, tf.RaggedTensor]


class NewItems:
    """Reads what requests tell of their targets' items.

    Args:
      configured: all features, by name.
      fields: the features of items, as a model embeds them.

    Attributes:
      features: what a request may have, by the name that it has there.
    """

    def __init__(
        self,
        configured: Mapping[str, Feature],
        fields: Sequence[features.Embedded],
    ) -> None:
        self._fields = fields
        self._names = {
            features.target_feature(name): name
            for name, feature in feature_config.of("item", configured).items()
            if not isinstance(feature, VectorFeature)
        }
        self.features = {told: configured[name] for told, name in self._names.items()}

    def spec(self) -> dict[str, tf.io.RaggedFeature]:
        """Returns how examples hold them."""
        return {
            told: tf.io.RaggedFeature(
                tf.float32 if isinstance(feature, NumberFeature) else tf.string,
                row_splits_dtype=tf.int64,
            )
            for told, feature in self.features.items()
        }

    def batch(
        self,
        told: Ragged,
        items: tf.Tensor,
        unknown: tf.Tensor,
        transform: Callable[[Ragged], Ragged],
    ) -> dict[str, tf.Tensor]:
        """Returns what `View` reads of them.

        Args:
          told: [n, T] by name, or without a value in an example that does not tell it.
          items: [n, T] int32, ids of the targets' items, padded with 0.
          unknown: [] int32, id of the unknown item.
          transform: turns raw features into ids.

        Returns:
          `target_fresh` [n, T] bool, which targets are told of, and `fresh_<name>` [n * T, V]
          int32, their ids.
        """
        tells = tf.reduce_any(tf.stack([x.row_lengths() > 0 for x in told.values()]), 0)
        fresh = tells[:, None] & (items == unknown)
        # Requests seldom have any: what follows costs about as much as all else that is looked up.
        ids = tf.cond(
            tf.reduce_any(fresh),
            lambda: self._ids(told, tf.shape(items, tf.int64)[1], transform),
            lambda: {f.name: tf.zeros([0, f.values], tf.int32) for f in self._fields},
        )
        return {
            features.TARGET_FRESH: fresh,
            **{features.fresh_feature(name): values for name, values in ids.items()},
        }

    def _ids(
        self, told: Ragged, targets: tf.Tensor, transform: Callable[[Ragged], Ragged]
    ) -> dict[str, tf.Tensor]:
        raw = {
            features.item_feature(self._names[name]): _values(values, targets, self.features[name])
            for name, values in told.items()
        }
        found = transform(raw)
        return {
            field.name: tf.cast(
                found[features.item_feature(field.name)].to_tensor(0, shape=[None, field.values]),
                tf.int32,
            )
            for field in self._fields
        }


def _values(told: tf.RaggedTensor, targets: tf.Tensor, feature: Feature) -> tf.RaggedTensor:
    """Returns [n * T, V]: the values of each target, missing where it has none."""
    size = tf.stack([-1, targets])
    if isinstance(feature, NumberFeature):
        numbers = told.to_tensor(float("nan"), shape=size)
        return tf.RaggedTensor.from_tensor(tf.reshape(numbers, [-1, 1]))
    texts = tf.strings.strip(tf.reshape(told.to_tensor("", shape=size), [-1]))  # as in the log
    if not isinstance(feature, IdsFeature):
        return tf.RaggedTensor.from_tensor(texts[:, None])
    parts = tf.strings.split(texts, feature.separator)
    parts = parts.with_flat_values(tf.strings.strip(parts.flat_values))
    return told_values(parts)[:, : feature.max_values]


def told_values(values: tf.RaggedTensor) -> tf.RaggedTensor:
    """Returns texts [n, V] without the empty ones, which fill up or stand for none."""
    return tf.ragged.boolean_mask(values, values != "")
