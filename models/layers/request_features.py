"""What is known of a user, and of a target before anything comes of it."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from models import features
from models.features import FeatureSizes
from models.layers.behavior_embedding import BehaviorEmbedding
from models.layers.item_features import STDDEV, pooled


class RequestFeatures(tf.keras.layers.Layer):
    """Embeds the features of users, once each, and the context of targets.

    A context shares its table with the same feature of the history, a user's feature that names an
    item's or another one's table with that one.

    Args:
      sizes: which features there are.
      embedding: of behaviours and targets.
      units: int, width of a row where no table says otherwise.
    Attributes:
      tables: those that are not `embedding`'s, by name; their gradients are sparse.
    Call arguments:
      batch: `user_<name>` [B, V] and `target_<name>` [B, T], int32 ids.
    Returns:
      [B, T, D] float.
    """

    def __init__(self, sizes: FeatureSizes, embedding: BehaviorEmbedding, units: int, **kwargs):
        super().__init__(**kwargs)
        self.user, self.context = sizes.user, sizes.context
        self._embedding = embedding
        wanted = {field.table: (field.rows, field.width or units) for field in self.user}
        wanted |= {embedding.table_of(name): (sizes.cross[name], units) for name in self.context}
        self.tables = {
            name: self.add_weight(
                name=name,
                shape=[rows, width],
                initializer=tf.keras.initializers.RandomNormal(stddev=STDDEV),
                experimental_autocast=False,
            )
            for name, (rows, width) in wanted.items()
            if name not in embedding.tables
        }

    def call(self, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        targets = tf.shape(batch[features.TARGET_ITEM])[1]
        tables = self._embedding.tables | self.tables
        rows = []
        for field in self.user:
            own = pooled(tables[field.table], batch[features.user_feature(field.name)], field)
            rows.append(tf.repeat(own[:, None], targets, 1))
        for name in self.context:
            table = tables[self._embedding.table_of(name)]
            rows.append(tf.gather(table, batch[features.target_feature(name)]))
        return tf.concat([tf.cast(row, self.compute_dtype) for row in rows], -1)
