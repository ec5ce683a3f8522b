"""Turns raw cells into typed rows, and counts every row that is dropped by its reason."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Container

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_example_gen.cells.features import (
    BEYOND,
    absent,
    kind_of,
    separators,
    to_feature,
)
from components.behavior_example_gen.cells.parse import (
    Column,
    copies,
    is_null,
    tidy,
    to_float,
    to_id,
    to_label,
    to_text,
)
from components.behavior_example_gen.cells.times import to_time
from components.behavior_example_gen.cells.where import RowFilter
from components.behavior_example_gen.clean.notes import Notes, Values
from components.behavior_example_gen.config.ingest_config import (
    SPLITS,
    IngestConfig,
    Table,
    section,
)
from components.behavior_example_gen.config.label_config import LabelConfig
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.hashing import combine, fraction, id_hash
from components.behavior_example_gen.row import (
    DUPLICATE,
    FEATURE,
    FILTER,
    IN_HISTORY,
    LABEL,
    LACKS,
    NO_TARGET,
    SEQUENCE,
)
from models.feature_config import IdFeature, IdsFeature

REQUEST = "request"  # column of a log that names its requests; null: none
UNKNOWN = -2  # label of a target of which it is not known
NEITHER = "neither 0 nor 1"
_SAMPLE = 0x5A3  # keeps the draw of users apart from all other uses of their hash


def is_fault(reason: str) -> bool:
    """Whether rows dropped for this reason are bad; filters and duplicates are not."""
    return not reason.startswith((FILTER, DUPLICATE, "target: "))


@dataclasses.dataclass
class Verdict:
    """Which rows are kept so far, and which were dropped by which reason.

    Attributes:
      kept: [n] bool.
      dropped: indices of rows by reason.
      missing: [n] bool each, by part: rows without a cell that they may lack.
      notes: what a user should know of rows that are not dropped.
    """

    kept: np.ndarray
    dropped: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    missing: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    notes: Notes = dataclasses.field(default_factory=Notes)

    def drop(self, rows: np.ndarray, reason: str) -> None:
        """Drops the rows of a mask [n]; a row counts once, for the first reason met."""
        found = np.flatnonzero(rows & self.kept)
        if len(found):
            self.dropped[reason] = found
            self.kept &= ~rows

    def read(self, part: str, column: Column, missing_is_fault: bool = True) -> pa.Array:
        """Drops the faulty cells of a column; returns its values."""
        for fault, rows in column.faults.items():
            if fault != "missing" or missing_is_fault:
                self.drop(rows, f"{part}: {fault}")
            else:
                self.missing[part] = rows
        return column.values

    def lacks(self, config: IngestConfig) -> pa.Array:
        """Returns [n] bits: which of the parts that rows may lack each row does lack."""
        parts = _may_lack(config)
        bits = np.zeros((len(self.kept), len(parts)), bool)
        for part, rows in self.missing.items():
            bits[:, parts.index(part)] = rows
        packed = np.packbits(bits, axis=1)
        kind, buffers = pa.binary(packed.shape[1]), [None, pa.py_buffer(packed.tobytes())]
        return pa.FixedSizeBinaryArray.from_buffers(kind, len(packed), buffers)


def lacking(rows: pa.RecordBatch, config: IngestConfig) -> collections.Counter[str]:
    """Returns how many rows, as `clean` returns them, lack a cell that they may lack, by part."""
    parts, found = _may_lack(config), rows[LACKS]
    size = found.type.byte_width
    packed = np.frombuffer(found.buffers()[1], np.uint8).reshape(-1, size)
    bits = np.unpackbits(packed[found.offset : found.offset + len(found)], axis=1)
    return +collections.Counter(dict(zip(parts, bits.sum(0).tolist(), strict=False)))


def _may_lack(config: IngestConfig) -> list[str]:
    labels = [f"label {name}" for name in config.labels]
    of_features = [f"feature {name}" for name in config.column_features()]
    return ["category", "label", "request", "oracle", "weight", *labels, *of_features]


def clean(
    cells: pa.RecordBatch,
    config: IngestConfig,
    sequence: np.ndarray,
    table: Table = "log",
    elsewhere: Container[str] = (),
) -> tuple[pa.RecordBatch, dict[str, np.ndarray], Notes]:
    """Reads the cells of some rows, and drops the rows that cannot or shall not be used.

    Args:
      cells: the columns `config.used_columns(table)`, as text or typed; of features, the table may
        lack some.
      config: the configuration.
      sequence: [n] int64, position of the rows in the log.
      table: the one that the rows are of.
      elsewhere: columns that joined tables hold: features of them are not of rows.

    Returns:
      The rows that are kept, the indices of the dropped ones by reason, and what else there is to
      say. Columns: `user`, `item`, `category`, (`behavior`,) int64 or binary; `time`, int64 ticks;
      `label`, int8: 1, 0, -1 (no target) or -2 (only scored); (`split`, int8, index of `SPLITS`;)
      (`request`, int64 or binary, null without one;) (`oracle`, float64, null without a target;)
      (`weight`, float64;) `label.<name>`, int8: 1, 0 or -2, of a row of the log where it has a
      window, else of a target; `feature.<name>`, as `to_feature`; `lacks`, as `lacking` reads;
      `sequence`, int64. If impressions
      are a separate table, rows of both have the same columns, and `in_history`, int8, tells them
      apart: impressions 0, rows of the log 1. The category of an impression is null where that of
      the log's item is meant.
    """
    log, mapping, nothing = config.log, config.mapping(table), _Absent(cells.num_rows)
    shown, targets = table == "impressions", table == config.tables()[-1]
    verdict, rule = Verdict(np.ones(cells.num_rows, bool)), config.table(table)
    cells = pa.RecordBatch.from_arrays(
        [tidy(column, rule.missing, rule.trim) for column in cells.columns], cells.schema.names
    )
    rows: dict[str, pa.Array] = {}
    for part, general in log.mapping.ids().items():
        column, optional = mapping.ids().get(part), part == "category"
        if column is None:
            rows[part] = nothing.ids(general.type, null=optional)
            continue
        rows[part] = verdict.read(part, to_id(cells[column.column], column), not optional)
        key = f"{section(table)}.columns.{part}"
        verdict.notes.look_at(key, cells[column.column], column.type)
        if optional:  # an item without a category has the one of a log without categories
            if column.type == "int":
                verdict.notes.noughts[key] = pc.sum(pc.equal(rows[part], 0)).as_py() or 0
            rows[part] = _filled(rows[part])
    if log.mapping.category is None:
        rows["category"] = nothing.ids("int")
    times = cells[mapping.time.column]
    rows["time"] = verdict.read("time", to_time(times, mapping.time))
    verdict.notes.look_at_times(f"{section(table)}.columns.time", times)
    if targets:
        rows["label"] = _label(cells, rows, config, verdict)
    else:
        rows["label"] = nothing.numbers(np.int8, NO_TARGET)
    if shown:
        verdict.drop(rows["label"].to_numpy() == NO_TARGET, "label: missing")
    for name, label in config.labels.items():
        rows[LABEL + name] = nothing.numbers(np.int8, UNKNOWN)
        if targets if label.within is None else table == "log":
            read = _marks(cells, label, f"label {name}", verdict)
            rows[LABEL + name] = pa.array(np.where(np.isnan(read), UNKNOWN, read).astype(np.int8))
    if config.weight is not None:
        rows["weight"] = nothing.numbers(np.float64, 1)
        if targets:
            rows["weight"] = _weight(cells[config.weight], rows, verdict)
    for name, feature in config.column_features().items():
        if feature.column in elsewhere:
            continue
        if feature.column not in cells.schema.names or (shown and feature.of == "event"):
            rows[FEATURE + name] = absent(kind_of(feature), cells.num_rows)
            continue
        found = to_feature(cells[feature.column], feature)
        if isinstance(feature, IdFeature):
            verdict.notes.look_at(f"features.{name}", cells[feature.column], "string")
            item = cells[mapping.item.column]
            verdict.notes.copies[name] = copies(cells[feature.column], item)
        if isinstance(feature, IdsFeature):
            verdict.notes.separators[name] = separators(cells[feature.column], feature)
        rows[FEATURE + name] = verdict.read(f"feature {name}", found, missing_is_fault=False)
    if config.request is not None:
        rows[REQUEST] = nothing.ids(config.request.type, null=True)
        if targets:
            ids = to_id(cells[config.request.column], config.request)
            rows[REQUEST] = verdict.read("request", ids, missing_is_fault=False)
    if config.oracle is not None:
        rows["oracle"] = pa.nulls(cells.num_rows, pa.float64())
        if targets:
            rows["oracle"] = verdict.read("oracle", to_float(cells[config.oracle]), False)
            unknown = np.asarray(rows["oracle"].is_null())
            verdict.drop(unknown & (rows["label"].to_numpy() != NO_TARGET), "oracle: missing")
    if config.split.column is not None:
        rows["split"] = nothing.numbers(np.int8)
        if targets:
            rows["split"] = _split(cells[config.split.column], rows, verdict)
    for text in config.table(table).where:
        condition = RowFilter.parse(text)
        kind = cells[condition.column].type
        if pa.types.is_temporal(kind) and not isinstance(condition.value, str):
            raise LogError(
                f"`{section(table)}.where` {text!r}: the column {condition.column!r} holds times "
                f"({kind}), no numbers. Compare it with a day, such as 2024-01-31."
            )
        verdict.drop(~condition.keep(cells[condition.column]), FILTER + text)
    if log.user_share < 1:
        # Not the hash by which shards are made: a sample would fill only some of them.
        draw = fraction(combine(_SAMPLE, id_hash(_filled(rows["user"]))))
        verdict.drop(draw >= log.user_share, f"{FILTER}log.user_share")
    if log.impressions is not None:
        rows[IN_HISTORY] = nothing.numbers(np.int8, int(not shown))
    rows[LACKS] = verdict.lacks(config)
    rows[SEQUENCE] = pa.array(sequence)
    batch = pa.RecordBatch.from_pydict(rows)
    if not verdict.kept.all():
        batch = batch.filter(pa.array(verdict.kept))
    verdict.notes.missing = lacking(batch, config)
    return batch, verdict.dropped, verdict.notes


@dataclasses.dataclass(frozen=True)
class _Absent:
    """Columns [n] for what a table does not know."""

    size: int

    def numbers(self, kind: type, value: int = 0) -> pa.Array:
        return pa.array(np.full(self.size, value, kind))

    def ids(self, kind: str, null: bool = False) -> pa.Array:
        missing = pa.nulls(self.size, pa.int64() if kind == "int" else pa.binary())
        return missing if null else _filled(missing)


def _filled(ids: pa.Array) -> pa.Array:
    return ids.fill_null(0 if pa.types.is_integer(ids.type) else b"")


def _label(
    cells: pa.RecordBatch, rows: dict[str, pa.Array], config: IngestConfig, verdict: Verdict
) -> pa.Array:
    rule, without = config.label, UNKNOWN if config.scored == "unlabelled" else NO_TARGET
    if rule.column is None:
        positive = np.ones(cells.num_rows, bool)
        if rule.positives is not None:
            behaviors = rows["behavior"]
            if not pa.types.is_integer(behaviors.type):
                behaviors = behaviors.cast(pa.string())
            positive = _is_in(behaviors, rule.positives, "label", verdict)
        return pa.array(np.where(positive, 1, NO_TARGET).astype(np.int8))
    read = _marks(cells, rule, "label", verdict)
    return pa.array(np.where(np.isnan(read), without, read).astype(np.int8))


def _marks(cells: pa.RecordBatch, rule: LabelConfig, part: str, verdict: Verdict) -> np.ndarray:
    """Reads a column of labels: [n] float64, 1, 0 or NaN."""
    if rule.positives is not None:
        text = to_text(cells[rule.column])
        missing = is_null(text)
        verdict.read(part, Column(text, {"missing": missing}), missing_is_fault=False)
        clicked = _is_in(text, rule.positives, part, verdict)
        return np.where(missing, np.nan, clicked)
    read = to_label(cells[rule.column]) if rule.at_least is None else to_float(cells[rule.column])
    numbers = read.values.fill_null(np.nan).to_numpy()
    if rule.at_least is None:
        neither = read.faults.pop("not a number")
        neither |= ~np.isnan(numbers) & (numbers != 0) & (numbers != 1)
        read.faults[NEITHER] = neither
        clicked = numbers == 1
    else:
        clicked = numbers >= rule.at_least
    verdict.read(part, read, missing_is_fault=False)
    return np.where(np.isnan(numbers), np.nan, clicked)


def _weight(cells: pa.Array, rows: dict[str, pa.Array], verdict: Verdict) -> pa.Array:
    weights = verdict.read("weight", to_float(cells), missing_is_fault=False)
    missing = np.asarray(weights.is_null())
    verdict.drop(missing & (rows["label"].to_numpy() != NO_TARGET), "weight: missing")
    weights = weights.fill_null(1.0)
    verdict.drop(weights.to_numpy() < 0, "weight: negative")
    verdict.drop(weights.to_numpy() > np.finfo(np.float32).max, f"weight: {BEYOND}")
    return weights


def _is_in(values: pa.Array, positives: list[int | str], part: str, verdict: Verdict) -> np.ndarray:
    """Which values are among the positive ones: [n] bool. Numbers in a text are their digits."""
    text = values if pa.types.is_string(values.type) else values.cast(pa.string())
    wanted = [str(value) for value in positives]
    verdict.notes.values[part] = verdict.notes.values.get(part, Values()) + Values.of(text, wanted)
    return np.asarray(pc.is_in(text, pa.array(wanted)))


def _split(cells: pa.Array, rows: dict[str, pa.Array], verdict: Verdict) -> pa.Array:
    text = to_text(cells)
    index = pc.index_in(text, pa.array(SPLITS))
    missing = np.asarray(pc.is_null(text))
    verdict.drop(np.asarray(pc.is_null(index)) & ~missing, f"split: none of {', '.join(SPLITS)}")
    # A row without a split stays a behaviour, but is no target.
    rows["label"] = pc.if_else(pa.array(missing), pa.scalar(NO_TARGET, pa.int8()), rows["label"])
    return index.fill_null(0).cast(pa.int8())
