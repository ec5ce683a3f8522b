"""Embedding tables shared by behaviours and targets."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf


@tf.keras.utils.register_keras_serializable("everlong")
class BehaviorEmbedding(tf.keras.layers.Layer):
    """Embeds targets by their inherent features, and behaviours by inherent and cross features.

    Inherent features (item, category) belong to the item alone, so targets and behaviours share
    their tables; cross features (behaviour type, dwell ...) belong to a user's dealing with the
    item and exist only in the past (TWIN, arXiv 2302.02352, section 4.2). The row of a behaviour is
    `[item, category, cross_1 ... cross_J]`, so that its first columns align with a target's row.

    Args:
      item_size, category_size: int, rows of the tables, padding and unknown included.
      cross_sizes: rows of the tables of the J cross features, by name.
      item_dim, category_dim: int, widths of the inherent embeddings.
      cross_dim: int, width of each cross feature's embedding.
    """

    def __init__(
        self,
        item_size: int,
        category_size: int,
        cross_sizes: Mapping[str, int],
        item_dim: int = 32,
        category_dim: int = 32,
        cross_dim: int = 8,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.item_size, self.category_size = item_size, category_size
        self.cross_sizes = dict(cross_sizes)
        self.item_dim, self.category_dim, self.cross_dim = item_dim, category_dim, cross_dim
        self._tables = {
            name: self.add_weight(
                name=name,
                shape=[size, dim],
                initializer=tf.keras.initializers.RandomNormal(stddev=0.05),
                experimental_autocast=False,  # mixed precision must not cast a whole table per step
            )
            for name, size, dim in [
                ("item", item_size, item_dim),
                ("category", category_size, category_dim),
                *((name, size, cross_dim) for name, size in self.cross_sizes.items()),
            ]
        }

    @property
    def inherent_dim(self) -> int:
        """Width of a target's row."""
        return self.item_dim + self.category_dim

    @property
    def behavior_dim(self) -> int:
        """Width of a behaviour's row."""
        return self.inherent_dim + self.cross_dim * len(self.cross_sizes)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of a behaviour's features, in the order of a row."""
        return ("item", "category", *self.cross_sizes)

    def call(self, ids: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns rows for ids.

        Args:
          ids: int [...] by feature name: `item` and `category` for targets; for behaviours also
            every cross feature.

        Returns:
          [..., inherent_dim] for targets, [..., behavior_dim] for behaviours.
        """
        rows = [tf.gather(self._tables[name], ids[name]) for name in self.features if name in ids]
        return tf.cast(tf.concat(rows, -1), self.compute_dtype)

    def products(self, queries: tf.Tensor, ids: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns `queries . self(ids)` for few queries, without making rows of a behaviour.

        A table with about as few rows as there are behaviours is multiplied as it is, and the
        products are looked up: numbers instead of rows.

        Args:
          queries: [B, T, behavior_dim] float.
          ids: int [B, L] by feature name.

        Returns:
          [B, T, L].
        """
        widths = [self._tables[name].shape[1] for name in self.features]
        parts = zip(self.features, tf.split(queries, widths, -1), strict=True)
        return tf.add_n([_products(self._tables[name], part, ids[name]) for name, part in parts])

    def get_config(self):
        return super().get_config() | {
            "item_size": self.item_size,
            "category_size": self.category_size,
            "cross_sizes": self.cross_sizes,
            "item_dim": self.item_dim,
            "category_dim": self.category_dim,
            "cross_dim": self.cross_dim,
        }


def _products(table: tf.Variable, queries: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
    """Returns the products of queries [B, T, D] with rows of a table, [B, T, L]."""
    if table.shape[0] > 2 * ids.shape[1]:
        rows = tf.cast(tf.gather(table, ids), queries.dtype)
        return tf.matmul(queries, rows, transpose_b=True)
    flat = tf.reshape(queries, [-1, queries.shape[-1]])
    products = tf.matmul(flat, tf.cast(table, queries.dtype), transpose_b=True)
    products = tf.reshape(products, [-1, queries.shape[1], table.shape[0]])
    return tf.gather(products, ids, axis=2, batch_dims=1)
