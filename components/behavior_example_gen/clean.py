"""Turns raw cells into typed rows, and counts every row that is dropped by its reason."""

from __future__ import annotations

import collections
import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_example_gen.config import SPLITS, IngestConfig
from components.behavior_example_gen.filters import RowFilter
from components.behavior_example_gen.order import SEQUENCE
from components.behavior_example_gen.parse import Column, to_float, to_id, to_text, to_time

NO_TARGET = -1  # label of a row that is a behaviour but no target
RAGGED = "row: wrong number of columns"
FILTER = "where: "
DUPLICATE = "duplicate"


def is_fault(reason: str) -> bool:
    """Whether rows dropped for this reason are bad; filters and duplicates are not."""
    return not reason.startswith((FILTER, DUPLICATE, "target: "))


@dataclasses.dataclass
class Verdict:
    """Which rows are kept so far, and how many were dropped by which reason."""

    kept: np.ndarray
    dropped: collections.Counter[str]

    def drop(self, rows: np.ndarray, reason: str) -> None:
        """Drops the rows of a mask [n]; a row counts once, for the first reason met."""
        count = int(np.count_nonzero(rows & self.kept))
        if count:
            self.dropped[reason] += count
            self.kept &= ~rows

    def read(self, part: str, column: Column, missing_is_fault: bool = True) -> pa.Array:
        """Drops the faulty cells of a column; returns its values."""
        for fault, rows in column.faults.items():
            if fault != "missing" or missing_is_fault:
                self.drop(rows, f"{part}: {fault}")
        return column.values


def clean(
    cells: pa.RecordBatch, config: IngestConfig, sequence: np.ndarray | None = None
) -> tuple[pa.RecordBatch, collections.Counter[str]]:
    """Reads the cells of some rows, and drops the rows that cannot or shall not be used.

    Args:
      cells: the columns `config.used_columns()`, as text or typed.
      config: the configuration.
      sequence: [n] int64, position of the rows in the log, where that counts.

    Returns:
      The rows that are kept and the number of dropped rows by reason. Columns: `user`, `item`,
      `category`, (`behavior`,) int64 or binary; `time`, int64 ticks; `label`, int8: 1, 0 or -1
      (no target); (`split`, int8, index of `SPLITS`;) (`oracle`, float64, nullable;)
      `feature.<name>`, float32; (`sequence`, int64).
    """
    log, mapping = config.log, config.log.mapping
    verdict = Verdict(np.ones(cells.num_rows, bool), collections.Counter())
    rows: dict[str, pa.Array] = {}
    for part, column in mapping.ids().items():
        optional = part == "category"
        rows[part] = verdict.read(part, to_id(cells[column.column], column), not optional)
        if optional:  # an item without a category has the one of a log without categories
            rows[part] = rows[part].fill_null(0 if column.type == "int" else b"")
    if mapping.category is None:
        rows["category"] = pa.array(np.zeros(cells.num_rows, np.int64))
    rows["time"] = verdict.read("time", to_time(cells[mapping.time.column], mapping.time))
    rows["label"] = _label(cells, rows, config, verdict)
    for name, feature in log.features.items():
        values = verdict.read(f"feature {name}", to_float(cells[feature.column]))
        rows[f"feature.{name}"] = values.cast(pa.float32())
    if mapping.oracle is not None:
        rows["oracle"] = verdict.read("oracle", to_float(cells[mapping.oracle]), False)
    if config.split.column is not None:
        rows["split"] = _split(cells[config.split.column], rows, verdict)
    for text in log.where:
        condition = RowFilter.parse(text)
        verdict.drop(~condition.keep(cells[condition.column]), FILTER + text)
    if sequence is not None:
        rows[SEQUENCE] = pa.array(sequence)
    batch = pa.RecordBatch.from_pydict(rows)
    if not verdict.kept.all():
        batch = batch.filter(pa.array(verdict.kept))
    return batch, verdict.dropped


def _label(
    cells: pa.RecordBatch, rows: dict[str, pa.Array], config: IngestConfig, verdict: Verdict
) -> pa.Array:
    rule = config.label
    if rule.column is None:
        positive = np.ones(cells.num_rows, bool)
        if rule.positives is not None:
            positive = _is_in(rows["behavior"], rule.positives)
        return pa.array(np.where(positive, 1, NO_TARGET).astype(np.int8))
    values = verdict.read("label", to_float(cells[rule.column]), missing_is_fault=False)
    numbers = values.fill_null(np.nan).to_numpy()
    if rule.at_least is None:
        verdict.drop(~np.isnan(numbers) & (numbers != 0) & (numbers != 1), "label: neither 0 nor 1")
        clicked = numbers == 1
    else:
        clicked = numbers >= rule.at_least
    return pa.array(np.where(np.isnan(numbers), NO_TARGET, clicked).astype(np.int8))


def _is_in(behaviors: pa.Array, positives: list[int | str]) -> np.ndarray:
    if pa.types.is_integer(behaviors.type):
        wanted = pa.array(positives, pa.int64())
    else:
        wanted = pa.array([str(value).encode() for value in positives], pa.binary())
    return np.asarray(pc.is_in(behaviors, wanted))


def _split(cells: pa.Array, rows: dict[str, pa.Array], verdict: Verdict) -> pa.Array:
    text = to_text(cells)
    index = pc.index_in(text, pa.array(SPLITS))
    missing = np.asarray(pc.is_null(text))
    verdict.drop(np.asarray(pc.is_null(index)) & ~missing, f"split: none of {', '.join(SPLITS)}")
    # A row without a split stays a behaviour, but is no target.
    rows["label"] = pc.if_else(pa.array(missing), pa.scalar(NO_TARGET, pa.int8()), rows["label"])
    return index.fill_null(0).cast(pa.int8())
