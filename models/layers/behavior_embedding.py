"""Embedding tables shared by behaviours and targets."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from models.features import TARGET_FRESH, FeatureSizes, Store, fresh_feature
from models.layers.either import either
from models.layers.gather import gather_rows
from models.layers.item_features import STDDEV, ItemFeatures
from models.layers.item_rows import ItemRows
from models.layers.linear import products

AT_ONCE = 1 << 16  # items that are embedded together where all of them are


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
      cross_tables: the cross feature whose table another one shares, by name.
      item_features: what else is known of an item, added to its row; None: nothing.
    """

    def __init__(
        self,
        item_size: int,
        category_size: int,
        cross_sizes: Mapping[str, int],
        item_dim: int = 32,
        category_dim: int = 32,
        cross_dim: int = 8,
        cross_tables: Mapping[str, str] | None = None,
        item_features: ItemFeatures | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.item_size, self.category_size = item_size, category_size
        self.cross_sizes = dict(cross_sizes)
        self.item_dim, self.category_dim, self.cross_dim = item_dim, category_dim, cross_dim
        self.cross_tables, self.item_features = dict(cross_tables or {}), item_features
        self.item_rows: ItemRows | None = None
        self._unknown_item: tf.Variable | None = None
        own = {
            self.table_of(name): (size, cross_dim, STDDEV)
            for name, size in self.cross_sizes.items()
        }
        stddev = STDDEV if item_features is None else item_features.stddev
        self._tables = {
            name: self.add_weight(
                name=name,
                shape=[size, dim],
                initializer=tf.keras.initializers.RandomNormal(stddev=stddev),
                experimental_autocast=False,  # mixed precision must not cast a whole table per step
            )
            for name, (size, dim, stddev) in {
                "item": (item_size, item_dim, stddev),
                "category": (category_size, category_dim, STDDEV),
                **own,
            }.items()
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

    @property
    def tables(self) -> dict[str, tf.Variable]:
        """All tables by name; their gradients are sparse."""
        return self._tables | ({} if self.item_features is None else self.item_features.tables)

    def table_of(self, feature: str) -> str:
        """Returns the name of the table of a behaviour's feature."""
        return self.cross_tables.get(feature, feature)

    def items(
        self, ids: tf.Tensor | None = None, own: tf.Tensor | None = None
    ) -> tf.Tensor | ItemRows | None:
        """Embeds items, of which each is a place for `call`; None where ids say all of them.

        Args:
          ids: int32 [U], such as the distinct items of a batch; None: all items.
          own: int32 [U], the items whose own rows they have; None: themselves.

        Returns:
          [U, item_dim], or the table of all items that was made for serving.
        """
        if ids is None and self.item_rows is not None:
            return self.item_rows
        if self.item_features is None:
            return None
        if ids is None:
            ids = tf.range(self.item_features.count)
        return self.own_rows(ids if own is None else own) + self.item_features(ids)

    def own_rows(self, ids: tf.Tensor) -> tf.Tensor:
        """Returns what items' ids add to their rows, [U, item_dim]."""
        # Items without a row of their own come last.
        own = tf.gather(self._tables["item"], tf.minimum(ids, self.item_size - 1))
        return tf.cast(own, self.compute_dtype)

    def embed_all_items(self, store: Store = "float32") -> None:
        """Embeds all items once and for all: serving then reads as much as without features.

        Args:
          store: how the table holds them. Ids' own table is left as it is where it would be copied.
        """
        if self.item_rows is not None:
            return
        if self.item_features is not None:
            count = self.item_features.count
            parts = [
                self.own_rows(ids) + self.item_features(ids)
                for begin in range(0, count, AT_ONCE)
                for ids in [tf.range(begin, min(begin + AT_ONCE, count))]
            ]
            self.item_rows = ItemRows(tf.concat(parts, 0).numpy(), store)
            self._unknown_item = tf.Variable(
                self._tables["item"][-1], trainable=False, name="unknown_item"
            )
        elif store != "float32":
            self.item_rows = ItemRows(self._tables["item"].numpy(), store)

    def call(
        self, ids: Mapping[str, tf.Tensor], items: tf.Tensor | ItemRows | None = None
    ) -> tf.Tensor:
        """Returns rows for ids.

        Args:
          ids: int [...] by feature name: `item` and `category` for targets; for behaviours also
            every cross feature. Of some of these, rows have the columns of these alone.
          items: what `items` returns, which `ids["item"]` are then places in.

        Returns:
          [..., inherent_dim] for targets, [..., behavior_dim] for behaviours.
        """
        rows = [self._rows(name, ids[name], items) for name in self.features if name in ids]
        return tf.cast(tf.concat(rows, -1), self.compute_dtype)

    def targets(
        self,
        ids: Mapping[str, tf.Tensor],
        items: tf.Tensor | ItemRows | None,
        fresh: Mapping[str, tf.Tensor],
    ) -> tf.Tensor:
        """Returns rows of targets, some of items that a request alone tells of, when serving.

        Args:
          ids: int [B, T] of targets, as `call` takes them.
          items: likewise.
          fresh: `target_fresh` [B, T] bool, which these are, and `fresh_<name>` [B * T, V], their
            features; or nothing.

        Returns:
          [B, T, inherent_dim].
        """
        rows = self(ids, items)
        if not fresh:
            return rows
        own, known = self._unknown_item, self.item_features
        assert own is not None and known is not None, "requests tell of items that have features"

        def told() -> tf.Tensor:
            told = known.of_values({f.name: fresh[fresh_feature(f.name)] for f in known.fields})
            others = rows[..., self.item_dim :]
            row = tf.reshape(tf.cast(own + told, rows.dtype), tf.shape(rows[..., : self.item_dim]))
            return tf.where(fresh[TARGET_FRESH][..., None], tf.concat([row, others], -1), rows)

        return tf.cond(tf.reduce_any(fresh[TARGET_FRESH]), told, lambda: rows)

    def _rows(self, name: str, ids: tf.Tensor, items: tf.Tensor | ItemRows | None) -> tf.Tensor:
        if name == "item" and items is not None:
            return items(ids) if isinstance(items, ItemRows) else gather_rows(items, ids)
        return tf.cast(tf.gather(self._tables[self.table_of(name)], ids), self.compute_dtype)

    def products(
        self,
        queries: tf.Tensor,
        ids: Mapping[str, tf.Tensor],
        items: tf.Tensor | ItemRows | None = None,
    ) -> tf.Tensor:
        """Returns `queries . self(ids, items)` for few queries, without making rows of a behaviour.

        A table with about as few rows as there are behaviours is multiplied as it is, and the
        products are looked up: numbers instead of rows.

        Args:
          queries: [B, T, behavior_dim] float.
          ids: int [B, L] by feature name.
          items: as `call` takes it.

        Returns:
          [B, T, L].
        """
        tables = {name: self._tables[self.table_of(name)] for name in self.features}
        if items is not None:
            tables["item"] = items
        own = {"item": self.item_dim, "category": self.category_dim}
        widths = [own.get(name, self.cross_dim) for name in tables]
        parts = zip(tables.items(), tf.split(queries, widths, -1), strict=True)
        return tf.add_n([_products(table, part, ids[name]) for (name, table), part in parts])

    def get_config(self):
        return super().get_config() | {
            "item_size": self.item_size,
            "category_size": self.category_size,
            "cross_sizes": self.cross_sizes,
            "item_dim": self.item_dim,
            "category_dim": self.category_dim,
            "cross_dim": self.cross_dim,
            "cross_tables": self.cross_tables,
        }


def _products(
    table: tf.Variable | tf.Tensor | ItemRows, queries: tf.Tensor, ids: tf.Tensor
) -> tf.Tensor:
    """Returns the products of queries [B, T, D] with rows of a table, [B, T, L]."""
    stored = isinstance(table, ItemRows)
    count = table.count if stored else table.shape[0]

    def of_rows() -> tf.Tensor:
        rows = table(ids) if stored else tf.gather(table, ids)
        return products(queries, tf.cast(rows, queries.dtype), transpose_b=True)

    def of_table() -> tf.Tensor:
        flat = tf.reshape(queries, [-1, queries.shape[-1]])
        rows = tf.cast(table.all() if stored else table, queries.dtype)
        found = tf.matmul(flat, rows, transpose_b=True)  # [B * T, count]
        begin = tf.reshape(tf.range(tf.shape(flat)[0]) * count, [-1, tf.shape(queries)[1], 1])
        return tf.gather(tf.reshape(found, [-1]), tf.cast(begin, ids.dtype) + ids[:, None])

    length = ids.shape[1] or tf.shape(ids)[1]
    return either(count > 2 * length, of_rows, of_table)


def embedding_of(
    sizes: FeatureSizes, item_dim: int, category_dim: int, cross_dim: int, **kwargs
) -> BehaviorEmbedding:
    """Returns an embedding of all that `sizes` tells of."""
    known = None
    if sizes.items is not None:
        known = ItemFeatures(sizes.item_features, sizes.items, item_dim, name="item_features")
    return BehaviorEmbedding(
        sizes.item,
        sizes.category,
        sizes.cross,
        item_dim,
        category_dim,
        cross_dim,
        sizes.cross_tables,
        known,
        **kwargs,
    )
