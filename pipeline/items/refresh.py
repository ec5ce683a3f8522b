"""A version of a model with rows of items made anew."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import tensorflow as tf

from components.behavior_example_gen.cells.columns import IdColumn
from components.errors import InputError
from components.saved_model import SavedModel
from models import contract, feature_config, features, item_maker
from models.features import Store
from models.layers.item_rows import stored
from pipeline.items import table
from pipeline.items.table import Items

_AT_ONCE = 1 << 16  # items
_VARIABLES = os.path.join("variables", "variables")
_SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"


@dataclasses.dataclass(frozen=True)
class Refreshed:
    """What became of the items of a table.

    Attributes:
      known: of which the model had a row before.
      new: to which it has one now.
      repeated: rows of the table that were left out, as their item came before.
      unknown: values that training did not know, by feature that has any.
      ignored: columns of the table that no feature is made of.
    """

    known: int
    new: int
    repeated: int = 0
    unknown: Mapping[str, int] = dataclasses.field(default_factory=dict)
    ignored: Sequence[str] = ()


def refresh(version: Path, items: str, out: Path) -> Refreshed:
    """Writes a copy of a version whose table of rows has those of a table of items.

    The graph stays as it is: it reads as many rows as there are, and finds them by the vocabulary.

    Args:
      version: folder of the SavedModel.
      items: file with a row for each item, see `table.read`.
      out: folder to write, which must not be there.

    Raises:
      InputError: if the model knows items by their ids alone, or the file cannot be read.
    """
    maker = version / item_maker.FOLDER
    if not maker.is_dir():
        raise InputError(
            f"--model {version}: knows items by their ids alone, so that nothing tells the row of "
            "another one; configure `features` of items and train it again"
        )
    told = json.loads((version / features.CONTRACT).read_bytes())
    known = told["signatures"][features.SCORE]["inputs"][features.TARGET_ITEM]
    column = IdColumn(
        column=table.ID,
        type="string" if known["dtype"] == "string" else "int",
        before=known.get("before"),
    )
    given = table.read(items, told["item_features"], column)
    vocabulary = version / "assets" / known["vocabulary"]
    lines = vocabulary.read_bytes().splitlines()
    place = {line: number for number, line in enumerate(lines, 1)}
    new = [one for one in given.ids if one not in place]
    place |= {one: number for number, one in enumerate(new, len(lines) + 1)}
    places = np.array([place[one] for one in given.ids])
    shutil.copytree(version, out, ignore=shutil.ignore_patterns("fingerprint.pb"))
    _replace_rows(out, _made(maker, given), places, len(new))
    every = [*lines, *new]
    (out / "assets" / known["vocabulary"]).write_bytes(b"".join(b"%s\n" % one for one in every))
    told["vocabularies"][known["vocabulary"]] = len(every)
    contract.write(str(out), told)
    unknown = _unknown(version / "assets", given)
    return Refreshed(len(given.ids) - len(new), len(new), given.repeated, unknown, given.ignored)


def _unknown(vocabularies: Path, items: Items) -> dict[str, int]:
    """Values of features that their vocabularies do not have; what is hashed has none."""
    found = {}
    for vocabulary, names in feature_config.tables_of(items.configured).items():
        if (file := vocabularies / vocabulary).is_file():
            known = {*file.read_bytes().splitlines(), b""}
            for name in names:
                values = items.raw[features.item_feature(name)]
                found[name] = sum(value not in known for value in values)
    return {name: count for name, count in found.items() if count}


def _made(maker: Path, items: Items) -> list[np.ndarray]:
    """The rows of items, [n, D] of each embedding."""
    rows_of = SavedModel(str(maker)).functions[item_maker.SIGNATURE]
    parts = [
        rows_of(_part(items.raw, begin, min(begin + _AT_ONCE, len(items.ids))))
        for begin in range(0, len(items.ids), _AT_ONCE)
    ]
    names = [item_maker.output(number) for number in range(len(rows_of.outputs))]
    return [np.concatenate([part[name] for part in parts]) for name in names]


def _part(raw: Mapping[str, np.ndarray], begin: int, end: int) -> dict[str, np.ndarray]:
    """The features of the items from `begin` to `end`."""
    count, found = len(raw[features.ITEM_ID]), {}
    for name, values in raw.items():
        sizes = raw.get(features.length_of(name))
        if sizes is not None:
            ends = np.append(0, np.cumsum(sizes))
            found[name] = values[ends[begin] : ends[end]]
        else:
            each = len(values) // count  # numbers of a vector
            found[name] = values[begin * each : end * each]
    return found


def _replace_rows(folder: Path, made: list[np.ndarray], places: np.ndarray, new: int) -> None:
    """Puts rows into the variables of a SavedModel; the unknown item's stays the last one."""
    prefix = str(folder / _VARIABLES)
    reader = tf.train.load_checkpoint(prefix)
    values: dict[str, Any] = {n: reader.get_tensor(n) for n in reader.get_variable_to_shape_map()}
    for number, rows in enumerate(made):
        keys = {part: f"item_rows/{number}/parts/{part}{_SUFFIX}" for part in ("rows", "scales")}
        keys = {part: name for part, name in keys.items() if name in values}
        before = {part: values[name] for part, name in keys.items()}
        store = cast(Store, before["rows"].dtype.name)
        for part, now in stored(rows, store).items():
            table_of = np.concatenate([before[part][:-1], np.repeat(before[part][-1:], new + 1, 0)])
            table_of[places] = np.asarray(now)
            values[keys[part]] = table_of
    names = sorted(values)
    for file in (folder / _VARIABLES).parent.iterdir():
        file.unlink()
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tf.constant(values[name]) for name in names],
    )
