"""A table of items as a model's item maker takes it."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pydantic

from components.behavior_example_gen.cells.columns import IdColumn
from components.behavior_example_gen.cells.features import cut_ids, to_feature
from components.behavior_example_gen.cells.parse import is_list, of_several_lines, tidy, to_id
from components.behavior_example_gen.config.log_config import MISSING, CsvConfig
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read.file import column_names, read_table
from components.errors import InputError
from models import features
from models.feature_config import Features, IdFeature, IdsFeature, NumberFeature, VectorFeature

_SECTION = "items"
_FAULTS = {"NaN": "no finite number"}  # what a column of the log is told to hold, in words
ID = "item"  # the column of ids; each feature's is called as the feature is


@dataclasses.dataclass(frozen=True)
class Items:
    """Items and what is known of them.

    Attributes:
      ids: as vocabularies have them.
      raw: features of the split `items` by name, one item's after the other.
      repeated: rows that were left out, as their id came before.
      configured: the features of items, by name.
      ignored: columns of the file that no feature is made of.
    """

    ids: list[bytes]
    raw: Mapping[str, np.ndarray]
    repeated: int
    configured: Features
    ignored: list[str]


def read(path: str, told: Mapping[str, object], column: IdColumn) -> Items:
    """Reads a file of items: CSV, JSON lines or Parquet.

    Args:
      path: of the file. Of rows with equal ids, the first one counts.
      told: the configurations of the features of items, by name, as the model's contract has them.
      column: how the log's ids of items are read; it is called `ID` here.

    Raises:
      InputError: naming the column or the cell that cannot be read.
    """
    configured = pydantic.TypeAdapter(Features).validate_python(dict(told))
    columns = [ID, *configured]
    folder, name = os.path.split(os.path.abspath(path))
    try:
        table = read_table(folder, name, CsvConfig(), columns, _SECTION)
        there = column_names(path, "auto", CsvConfig(), columns, _SECTION)
    except LogError as error:
        raise InputError(f"--items {path}: {_told(error, columns)}") from None
    cells = {name: table[name] for name in columns}
    cells |= {n: tidy(x, MISSING, True) for n, x in cells.items() if not _is_vector(configured, n)}
    ids = to_id(cells[ID], column)
    for fault, rows in ids.faults.items():
        if rows.any():
            row = int(np.flatnonzero(rows)[0])
            raise InputError(f"--items {path}: {ID} of row {row + 1} is {fault}: {cells[ID][row]}")
    if of_several_lines(cells[ID]):
        raise InputError(f"--items {path}: an id holds a line end, but a vocabulary has one a line")
    codes = ids.values.dictionary_encode().indices.to_numpy()
    first = pa.array(np.sort(np.unique(codes, return_index=True)[1]))
    kept = ids.values.take(first)
    raw: dict[str, np.ndarray] = {features.ITEM_ID: _numpy(kept)}
    for name, feature in configured.items():
        held = features.item_feature(name)
        if isinstance(feature, VectorFeature):
            raw[held] = _vectors(path, name, cells[name].take(first), feature.dim, kept)
            continue
        assert isinstance(feature, IdFeature | IdsFeature | NumberFeature), "it is of items"
        found = to_feature(cells[name].take(first), feature)
        for fault, rows in found.faults.items():
            if fault != "missing" and rows.any():
                row = int(np.flatnonzero(rows)[0])
                cell, wrong = cells[name].take(first)[row], _FAULTS.get(fault, fault)
                raise InputError(
                    f"--items {path}: {name} of {ID} {_shown(kept[row])} is {wrong}: {cell}"
                )
        values = found.values
        if isinstance(feature, IdsFeature):
            values, sizes = cut_ids(values, feature, MISSING, True)
            raw[features.length_of(held)] = sizes
        raw[held] = _numpy(values)
    texts = kept.cast(pa.string()).to_pylist() if column.type == "int" else kept.to_pylist()
    repeated = len(codes) - len(first)
    encoded = [t.encode() if isinstance(t, str) else t for t in texts]
    return Items(encoded, raw, repeated, configured, [one for one in there if one not in columns])


def _told(error: LogError, columns: list[str]) -> str:
    """What is wrong, with the way out: there is no configuration that says how to read the file."""
    said = [part for part in re.split(r"(?<=[.?]) ", str(error)) if f"`{_SECTION}." not in part]
    return (
        f"{' '.join(said)} Write CSV in UTF-8 with commas, JSON lines or Parquet, with the columns "
        f"{', '.join(columns)}"
    )


def _is_vector(configured: Features, name: str) -> bool:
    return isinstance(configured.get(name), VectorFeature)


def _shown(one: pa.Scalar) -> str:
    value = one.as_py()
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _numpy(values: pa.Array) -> np.ndarray:
    return values.to_numpy(zero_copy_only=False)


def _vectors(path: str, name: str, lists: pa.Array, dim: int, ids: pa.Array) -> np.ndarray:
    """The numbers of all vectors, NaN of a missing one."""
    flat = pc.list_flatten(lists) if is_list(lists.type) else None
    if (
        flat is None
        or not (pa.types.is_floating(flat.type) or pa.types.is_integer(flat.type))
        or pc.any(pc.not_equal(pc.list_value_length(lists), dim)).as_py()
    ):
        raise InputError(f"--items {path}: {name} must hold lists of {dim} numbers in each row")
    whole = np.full([len(lists), dim], np.nan, np.float32)
    known = np.asarray(lists.is_valid())
    with np.errstate(over="ignore"):  # what is beyond 32-bit floats is refused below
        whole[known] = _numpy(flat).reshape(-1, dim)
    if wrong := np.flatnonzero(known & ~np.isfinite(whole).all(axis=1))[:1].tolist():
        raise InputError(
            f"--items {path}: {name} of {ID} {_shown(ids[wrong[0]])} holds a value that is no "
            "finite number"
        )
    return whole.ravel()
