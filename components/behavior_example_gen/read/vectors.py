"""Reads vectors of items, made elsewhere, from a Parquet file."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from components.behavior_example_gen.cells.parse import is_list
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read.files import check_columns
from components.behavior_example_gen.read.packing import open_plain
from models.feature_config import VectorFeature

_BLOCK_ROWS = 1 << 14


def read_vectors(
    path: str, name: str, feature: VectorFeature
) -> Iterator[tuple[pa.Array, np.ndarray]]:
    """Reads the keys and vectors of a file, some rows at a time.

    Args:
      path: the file.
      name: of the feature, for messages.
      feature: says which columns they are, and how long a vector is.

    Yields:
      Raw keys [n], and vectors [n, dim] float32: NaN where a row has none.

    Raises:
      LogError: naming the file, and the row of a vector that is none.
    """
    try:
        with open_plain(path) as file:
            table = pyarrow.parquet.ParquetFile(file)
            check_columns(
                path,
                [feature.key, feature.column],
                table.schema_arrow.names,
                f"features.{name}",
                f"Mend `features.{name}.key` or `features.{name}.column`.",
            )
            first = 1
            for batch in table.iter_batches(_BLOCK_ROWS, columns=[feature.key, feature.column]):
                yield batch[feature.key], _vectors(path, first, batch[feature.column], feature)
                first += batch.num_rows
    except (pa.ArrowException, OSError) as fault:
        raise LogError(
            f"{path}: `features.{name}.file` is no Parquet file that can be read: {fault}"
        ) from fault


def _vectors(path: str, first: int, lists: pa.Array, feature: VectorFeature) -> np.ndarray:
    where = f"{path}: the column {feature.column!r}"
    inner = lists.type.value_type if is_list(lists.type) else None
    if inner is None or not (pa.types.is_floating(inner) or pa.types.is_integer(inner)):
        raise LogError(f"{where} has the type {lists.type}. Write lists of {feature.dim} numbers.")
    present = np.asarray(lists.is_valid())
    lists = lists.drop_null()
    sizes = pc.list_value_length(lists).to_numpy()
    if wrong := np.flatnonzero(sizes != feature.dim)[:1].tolist():
        row = first + np.flatnonzero(present)[wrong[0]]
        raise LogError(
            f"{where} has {sizes[wrong[0]]} numbers in row {row:,}, but `dim` is {feature.dim}. "
            f"Mend the file, or `dim`."
        )
    numbers = pc.list_flatten(lists).cast(pa.float32(), safe=False)
    held = numbers.to_numpy(zero_copy_only=False).reshape(-1, feature.dim)
    if wrong := np.flatnonzero(~np.isfinite(held).all(axis=1))[:1].tolist():
        row = first + np.flatnonzero(present)[wrong[0]]
        raise LogError(
            f"{where} has a value in row {row:,} that is no finite number. Mend it, or leave the "
            f"row out: an item without a vector is allowed."
        )
    vectors = np.full((len(present), feature.dim), np.nan, np.float32)
    vectors[present] = held
    return vectors
