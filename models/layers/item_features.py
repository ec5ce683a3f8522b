"""What is known of an item besides its id, as one row."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

from models.features import Embedded, ItemTable
from models.layers.gather import add_rows

STDDEV = 0.05  # of a fresh row


class ItemFeatures(tf.keras.layers.Layer):
    """Adds up the rows of an item's features: one row as wide as its id's, however many there are.

    A sum of projections is the projection of all features in a row, so nothing that attention could
    learn of `[id, author, tags ...]` is lost, but its rank: a behaviour stays as narrow as without
    features, and a step costs hardly more. Tables are as wide as the item's row, unless configured
    otherwise; narrower or wider ones, and vectors, are projected.

    Args:
      fields: the features, and the tables that embed them.
      items: what is known of every item.
      units: int, width of an item's row.
    Attributes:
      count: int, number of all items, padding and unknown included.
    Call arguments:
      items: [U] int32, ids of items.
    Returns:
      [U, units] float.
    """

    def __init__(self, fields: Sequence[Embedded], items: ItemTable, units: int, **kwargs):
        super().__init__(**kwargs)
        self.fields, self.units, self.count = tuple(fields), units, items.rows
        # Together with the id's row as large as that row alone is without features.
        self.stddev = STDDEV * (1 + len(items.ids) + len(items.vectors)) ** -0.5
        self.tables = {
            field.table: self.add_weight(
                name=field.table,
                shape=[field.rows, min(field.width or units, units)],
                initializer=tf.keras.initializers.RandomNormal(stddev=self.stddev),
                experimental_autocast=False,
            )
            for field in self.fields
        }
        self._projections = {
            name: self._projection(name, width, 1.0)
            for name, table in self.tables.items()
            if (width := table.shape[1]) != units
        }
        self._vector_projections = {
            name: self._projection(name, values.shape[1], _scale(values) * self.stddev)
            for name, values in items.vectors.items()
        }
        # Constants of the model, as weights: a graph must not hold what is large.
        none = np.zeros([items.rows, 0])
        self._ids = self._constant("ids", np.concatenate([none, *items.ids.values()], 1), tf.int32)
        self._widths = [values.shape[1] for values in items.ids.values()]
        self._vectors = {
            name: self._constant(name, values, tf.float32) for name, values in items.vectors.items()
        }

    def call(self, items: tf.Tensor) -> tf.Tensor:
        ids, end, rows = tf.gather(self._ids, items), 0, []
        small: list[tuple[tf.Variable, tf.Tensor, tf.Tensor | None]] = []
        for field, width in zip(self.fields, self._widths, strict=True):
            begin, end = end, end + width
            table, own = self.tables[field.table], ids[:, begin:end]
            if table.shape[1] == self.units and field.rows < (items.shape[0] or 0):
                small.append((table, own, shares(own, field, table.dtype)))
            else:
                rows.append(self._embed(field, own))
        if small:
            rows.append(add_rows(*zip(*small, strict=True)))
        for name, vectors in self._vectors.items():
            rows.append(tf.matmul(tf.gather(vectors, items), self._vector_projections[name]))
        return tf.add_n(rows)

    def of_values(
        self, values: Mapping[str, tf.Tensor], vectors: Mapping[str, tf.Tensor] | None = None
    ) -> tf.Tensor:
        """Returns the rows [U, units] of items by their values.

        Args:
          values: int32 [U, V] by feature, padded with 0.
          vectors: float32 [U, dim] by feature; None: they have none.
        """
        rows = [self._embed(field, values[field.name]) for field in self.fields]
        kernels = self._vector_projections
        rows += [tf.matmul(known, kernels[name]) for name, known in (vectors or {}).items()]
        return tf.add_n(rows)

    @contextlib.contextmanager
    def exchanged(
        self, names: Collection[str], items: np.ndarray, others: np.ndarray
    ) -> Iterator[None]:
        """A context in which `items` have the values of `others` in the features `names`.

        Args:
          names: of features.
          items, others: [n] ids.
        """
        before = {name: vectors.numpy() for name, vectors in self._vectors.items() if name in names}
        ids = self._ids.numpy()
        chosen = np.array([field.name in names for field in self.fields], bool)
        columns = np.repeat(chosen, np.array(self._widths, int))
        changed = ids.copy()
        changed[np.ix_(items, columns)] = ids[np.ix_(others, columns)]
        try:
            self._ids.assign(changed)
            for name, vectors in before.items():
                self._vectors[name].scatter_nd_update(items[:, None], vectors[others])
            yield
        finally:
            self._ids.assign(ids)
            for name, vectors in before.items():
                self._vectors[name].assign(vectors)

    def _embed(self, field: Embedded, ids: tf.Tensor) -> tf.Tensor:
        rows = pooled(self.tables[field.table], ids, field)
        projection = self._projections.get(field.table)
        return rows if projection is None else tf.matmul(rows, projection)

    def _projection(self, name: str, width: int, scale: float) -> tf.Variable:
        return self.add_weight(
            name=f"{name}_projection",
            shape=[width, self.units],
            initializer=tf.keras.initializers.RandomNormal(stddev=scale * width**-0.5),
        )

    def _constant(self, name: str, values: np.ndarray, kind: tf.DType) -> tf.Variable:
        return self.add_weight(
            name=f"{name}_of_items",
            shape=values.shape,
            dtype=kind,
            initializer=lambda *_, **__: tf.constant(values, kind),
            trainable=False,
            experimental_autocast=False,
        )


def shares(ids: tf.Tensor, field: Embedded, dtype: tf.DType) -> tf.Tensor | None:
    """Returns what rows of lists of values [n, V] are multiplied by, [n, V]; None: by 1.

    0 is padding, of which nothing counts.
    """
    if field.pooling is None:
        return None
    real = tf.cast(ids != 0, dtype)
    if field.pooling == "sum":
        return real
    return real / tf.maximum(tf.reduce_sum(real, 1, keepdims=True), 1)


def pooled(table: tf.Variable, ids: tf.Tensor, field: Embedded) -> tf.Tensor:
    """Returns the rows [n, D] of n values [n, 1], or of lists of values [n, V], padded with 0."""
    weights = shares(ids, field, table.dtype)
    if weights is None:
        return tf.gather(table, ids[:, 0])
    return tf.reduce_sum(tf.gather(table, ids) * weights[..., None], 1)


def _scale(vectors: np.ndarray) -> float:
    """What brings the numbers of vectors to a mean square of 1."""
    real = vectors[vectors.any(1)]
    return float((real**2).mean() ** -0.5) if real.size else 1.0
