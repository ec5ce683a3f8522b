"""Reads columns of cells as features: what they are follows from `type` alone.

A missing cell has a value of its own, so that columns have no nulls: b"" of ids, NaN of numbers.
"""

from __future__ import annotations

import collections
import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_example_gen.cells.columns import IdColumn
from components.behavior_example_gen.cells.parse import (
    Column,
    is_list,
    is_text,
    tidy,
    to_float,
    to_id,
    to_text,
)
from models.feature_config import IdFeature, IdsFeature, NumberFeature

ColumnFeature = IdFeature | IdsFeature | NumberFeature
_SEPARATORS = (",", ";", "|", "\t", "\x01", "\x02", "\x1d")
_LOOKED_AT = 1000  # cells of a block
WEIGHTS = "12:0.7"  # stands for ids that have weights
BEYOND = "beyond 32-bit floats"


def to_feature(cells: pa.Array, feature: ColumnFeature) -> Column:
    """Reads tidy cells: [n] float32 of numbers, binary of ids; several ids are not cut yet."""
    if isinstance(feature, IdsFeature) and is_list(cells.type):
        return _joined(cells, feature)
    if isinstance(feature, NumberFeature):
        column = to_float(cells)
        values = column.values.fill_null(np.nan).to_numpy().astype(np.float32)
        beyond = np.isinf(values)
        values[beyond] = np.nan
        return Column(pa.array(values), column.faults | {BEYOND: beyond})
    before = None
    if isinstance(feature, IdFeature):
        before = feature.before
        if feature.after is not None:
            begin = rf"(?s)^.*{re.escape(feature.after)}\s*"
            cells = to_text(pc.replace_substring_regex(to_text(cells), begin, ""))
    column = to_id(cells, IdColumn(column=feature.column, before=before))
    return Column(column.values.fill_null(b""), column.faults)


def _joined(lists: pa.Array, feature: IdsFeature) -> Column:
    """Puts the ids of each list into one cell, as a text would hold them."""
    inner = to_text(pc.list_flatten(lists)).fill_null("")
    ends = np.append(0, np.cumsum(pc.list_value_length(lists).fill_null(0).to_numpy()))
    whole = pa.LargeListArray.from_arrays(pa.array(ends.astype(np.int64)), inner)
    texts = pc.binary_join(whole, feature.separator).cast(pa.binary())
    torn = np.zeros(len(lists), bool)
    owner = np.repeat(np.arange(len(lists)), np.diff(ends))
    torn[owner[np.asarray(pc.match_substring(inner, feature.separator))]] = True
    fault = f"a list with an id that holds {feature.separator!r}; set another `separator`"
    return Column(texts, {"missing": np.diff(ends) == 0, fault: torn})


def separators(cells: pa.Array, feature: IdsFeature) -> collections.Counter[str]:
    """Counts what may separate several ids in the first cells of a column of texts.

    Returns:
      How many cells hold the feature's separator and each usual one; by "[", how many are lists as
      programs print them; by `WEIGHTS`, how many have weights; by "", how many hold anything.
    """
    if not is_text(cells.type):
        return collections.Counter()
    text = cells[:_LOOKED_AT].cast(pa.string()).drop_null()
    found = {mark: pc.match_substring(text, mark) for mark in {feature.separator, *_SEPARATORS}}
    found["["] = pc.match_substring_regex(text, r"^\s*(\[.*\]|\{.*\}|\(.*\))\s*$")
    found[WEIGHTS] = pc.match_substring_regex(text, r":\d*\.\d+(\D|$)")
    counted = {mark: pc.sum(which).as_py() or 0 for mark, which in found.items()}
    return collections.Counter({"": len(text), **counted})


def kind_of(feature: ColumnFeature) -> pa.DataType:
    """Returns the type of the values of a feature."""
    return pa.float32() if isinstance(feature, NumberFeature) else pa.binary()


def absent(kind: pa.DataType, size: int = 1) -> pa.Array:
    """Returns [size] missing values of a type, float32 or binary."""
    missing = pa.array([np.float32(np.nan) if kind == pa.float32() else b""], kind)
    return missing.take(pa.array(np.zeros(size, np.int64)))


def looked_up(values: pa.Array, place: pa.Array) -> pa.Array:
    """Returns the values of a feature at some places, missing where the place is null."""
    every = pa.concat_arrays([values, absent(values.type)])
    return every.take(place.fill_null(len(values)))


def is_missing(values: pa.Array) -> np.ndarray:
    """Returns [n] bool: which values of a feature stand for a missing cell."""
    if pa.types.is_floating(values.type):
        return np.isnan(values.to_numpy())
    return np.asarray(pc.equal(pc.binary_length(values), 0))


def cut_ids(
    values: pa.Array, feature: IdsFeature, missing: Sequence[str], trim: bool
) -> tuple[pa.Array, np.ndarray]:
    """Cuts cells of several ids.

    Args:
      values: [n] binary, as `to_feature` returns them.
      feature: says where, and how many ids are kept.
      missing: the texts that stand for no id.
      trim: whether spaces around an id are cut off.

    Returns:
      The ids of all cells, binary, and the number of each cell's: [n] int64.
    """
    lists = pc.split_pattern(values.cast(pa.string()), feature.separator)
    owner = pc.list_parent_indices(lists).to_numpy()
    parts = tidy(pc.list_flatten(lists), missing, trim)
    kept = np.asarray(parts.is_valid())
    owner = owner[kept]
    begin = np.searchsorted(owner, owner)  # of each id's cell, among the ids that are left
    few = np.arange(len(owner)) - begin < feature.max_values
    ids = parts.filter(pa.array(kept)).filter(pa.array(few)).cast(pa.binary())
    return ids, np.bincount(owner[few], minlength=len(values)).astype(np.int64)
