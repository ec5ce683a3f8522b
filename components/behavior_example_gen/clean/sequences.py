"""Finds cells that hold a sequence, or a list, where one value is meant."""

from __future__ import annotations

import collections
import re
from collections.abc import Callable
from typing import NoReturn

import pyarrow as pa

from components.behavior_example_gen.cells.parse import is_list
from components.behavior_example_gen.config.ingest_config import IngestConfig, Table, section
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read.block import Block
from components.behavior_example_gen.row import shortened
from models.feature_config import IdsFeature

_ROWS = 1000  # of a file that are looked at
_LEAST = 3  # values of a cell that is taken for a sequence
_BETWEEN = re.compile(r"[;|,\x02\x03\x1d\x1e]+")
_SPACED = re.compile(r"[;|,\s\x02\x03\x1d\x1e]+")  # an item may be a title, of several words
_WORDS = re.compile(r"[;|\s\x02\x03\x1d\x1e]+")  # a comma may stand in a number
_NUMBERS = re.compile(
    r"\s*[\[(]?\s*\d+(\.\d+)?([;|,\s\x02\x03\x1d\x1e]+\d+(\.\d+)?){2,}\s*[\])]?\s*"
)
_ONE = re.compile(r"\d{1,3}(,\d{3})+|\d{1,4} \d\d? \d{1,4}")  # number in thousands, or a day


def check_no_sequences(block: Block, config: IngestConfig) -> None:
    """Refuses rows whose cells hold several items, several times, or several labels.

    Several values in a cell are no sequence by themselves: an item can have several categories, and
    an id can be made of parts. What gives a sequence away is that its values are items: those of
    the item column, or, in that column, the same ones at several places.

    Raises:
      LogError: naming the column, and what to do.
    """
    mapping, keys = config.mapping(block.table), f"{section(block.table)}.columns"
    cells = {
        part: _texts(block, column.column)
        for part, column in mapping.ids().items()
        if column.column in block.batch.schema.names and column.before is None
    }
    items = set(cells.get("item", ()))
    for part, texts in cells.items():
        between = _BETWEEN if part in ("user", "item") else _SPACED
        found = [cell for text in texts if len(cell := between.split(text)) >= _LEAST]
        tokens = collections.Counter(token for cell in found for token in set(cell))
        if part in ("user", "item"):
            first = {cell[0] for cell in found}
            known = sum(token in first for cell in found for token in cell[1:])
            total = sum(len(cell) - 1 for cell in found)
        else:
            known = sum(count for token, count in tokens.items() if token in items)
            total = sum(tokens.values())
        if len(found) * 2 > len(texts) and known * 2 > total:
            _refuse(block, mapping.ids()[part].column, f"{keys}.{part}", texts[0])
    time = mapping.time
    if time.format is None and time.column in block.batch.schema.names:
        _check_cells(
            block,
            time.column,
            f"{keys}.time",
            lambda text: None if _ONE.fullmatch(text.strip()) else _NUMBERS.fullmatch(text),
        )
    if block.table == config.tables()[-1]:
        _check_labels(block, config)


def _check_labels(block: Block, config: IngestConfig) -> None:
    """Refuses labels of several items in a cell, such as MIND's `N1-0 N2-1`."""
    for name in (None, *config.labels):
        label = config.labels[name] if name else config.label
        column = label.column or ""
        if column not in block.batch.schema.names or label.positives is not None:
            continue
        key = f"{config.key(name)}.column"
        _check_cells(block, column, key, lambda text: _WORDS.search(text.strip()))


def check_no_lists(origin: str, cells: pa.RecordBatch, config: IngestConfig, table: Table) -> None:
    """Refuses lists in rows of one event, but for features of several ids.

    Args:
      origin: of the rows, for messages.
      cells: the rows, with what is joined to them.
      config: the configuration.
      table: the one that the rows are of.

    Raises:
      LogError: naming the column, and what to do.
    """
    lists = {field.name for field in cells.schema if is_list(field.type)}
    if not lists:
        return
    for name, feature in config.column_features(table).items():
        if feature.column in lists and not isinstance(feature, IdsFeature):
            raise LogError(
                f"{origin}: `features.{name}`: the column {feature.column!r} holds lists, which "
                f"are several values. Set `type: ids`, or write one value."
            )
    if found := sorted(lists.intersection(config.needed_columns(table))):
        raise LogError(
            f"{origin}: the column {found[0]!r} holds lists, but user, item and time of a row are "
            f"one value each, so that it is one event. Write one value, or name another column; "
            f"several are a feature of `type: ids`."
        )


def _texts(block: Block, column: str) -> list[str]:
    """The first cells of a column that hold something."""
    return [str(cell) for cell in block.batch[column][:_ROWS].to_pylist() if cell]


def _check_cells(
    block: Block, column: str, key: str, several: Callable[[str], re.Match[str] | None]
) -> None:
    """Refuses a column most of whose cells hold several values."""
    texts = _texts(block, column)
    found = [text for text in texts if several(text)]
    if len(found) * 2 > len(texts):
        _refuse(block, column, key, found[0])


def _refuse(block: Block, column: str, key: str, cell: str) -> NoReturn:
    raise LogError(
        f"{block.origin}: the column {column!r}, `{key}`, looks like a sequence in a cell: "
        f"{shortened(cell)!r}. A row is one event: write one for each value, or "
        f"write lists in Parquet or JSON lines, whose elements are read as events; or name a "
        f"column with one value."
    )
