"""From the raw rows of a source to cleaned ones, with an account of every row."""

from __future__ import annotations

import collections
import functools

import numpy as np
import pyarrow as pa

from components.behavior_example_gen.cells.features import separators
from components.behavior_example_gen.cells.likely import readings, told
from components.behavior_example_gen.clean.account import SAMPLES, Counts, Sample
from components.behavior_example_gen.clean.clean import clean
from components.behavior_example_gen.clean.notes import Found, Span
from components.behavior_example_gen.clean.sequences import check_no_lists
from components.behavior_example_gen.config.ingest_config import IngestConfig, Table, section
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read.block import Block
from components.behavior_example_gen.row import PART_ROWS, text
from components.behavior_example_gen.sources.columns import Columns
from components.behavior_example_gen.sources.tables import JoinedTables
from models.feature_config import IdsFeature


class Intake:
    """Takes blocks of a log in.

    Args:
      config: the configuration.
      columns: where the used columns are.
    """

    def __init__(self, config: IngestConfig, columns: Columns):
        self._config, self._columns = config, columns
        self._elsewhere = columns.elsewhere

    def take(self, block: Block) -> tuple[pa.RecordBatch, Counts]:
        """Returns the rows of a block as `clean` returns them, and what became of all of them.

        Raises:
          LogError: if a column has a type that cannot be read, or lists where a value is meant.
        """
        cells, numbers = block.batch, block.numbers()
        known: collections.Counter[str] = collections.Counter()
        try:
            if self._columns.joined:
                cells, known = self.tables.join(cells, block.table)
            check_no_lists(block.origin, cells, self._config, block.table)
            sequence = block.part * PART_ROWS + block.order()
            rows, dropped, notes = clean(
                cells, self._config, sequence, block.table, self._elsewhere
            )
            spans, readings = self._times(cells, rows, dropped, block.table)
        except pa.ArrowException as fault:
            raise LogError(
                f"{block.origin}: a column has a type that cannot be used: {fault}. Write it as "
                f"numbers, text or times."
            ) from fault
        counts = Counts(cells.num_rows + len(block.rejected), rows.num_rows)
        counts.known, counts.notes = known, notes
        if block.void:
            notes.empty[section(block.table)] = Found(1, block.origin)
        if len(block.together):
            example = f"{block.origin}:{block.together[0]}"
            notes.together[section(block.table)] = Found(len(block.together), example)
        if self._columns.joined:
            for name, joined in self.tables.tables.items():
                notes.repeated[name] = joined.repeated
            notes.separators |= self._separators
            for name, (joined, values) in self.tables.features.items():
                if unreadable := joined.unreadable[name]:
                    notes.unreadable[name] = unreadable, len(values)
        counts.spans, counts.readings = spans, readings
        if block.batch.num_rows:
            names = block.batch.schema.names
            counts.found = {(block.table, name): int(name not in block.absent) for name in names}
        counts.kinds, counts.origins = _kinds(block), {block.part: block.origin}
        for reason, indices in dropped.items():
            counts.dropped[reason] += len(indices)
            first = indices[:SAMPLES]
            lost = cells.take(pa.array(first)).to_pylist()
            counts.samples[reason] = [
                Sample(block.part, number, {k: text(v) for k, v in row.items()})
                for number, row in zip(numbers[first].tolist(), lost, strict=True)
            ]
        for refused in block.rejected:
            counts.dropped[refused.reason] += 1
            samples = counts.samples.setdefault(refused.reason, [])
            if len(samples) < SAMPLES:
                sample = Sample(block.part, refused.number, refused.text)
                samples.append(sample)
        return rows, counts

    @functools.cached_property
    def _separators(self) -> dict[str, collections.Counter[str]]:
        """Of the features that joined tables have, as `separators`."""
        return {
            name: separators(table.cells[feature.column], feature)
            for name, (table, _) in self.tables.features.items()
            if isinstance(feature := self._config.features[name], IdsFeature)
        }

    def _times(
        self,
        cells: pa.RecordBatch,
        rows: pa.RecordBatch,
        dropped: dict[str, np.ndarray],
        table: Table,
    ) -> tuple[dict[Table, Span], dict[tuple[Table, str], collections.Counter[str]]]:
        """When the rows were; and what their times could be, which costs time only where some are
        not as they should be.
        """
        column = self._config.mapping(table).time
        clock = column.unit != "order"
        span = Span.of(rows["time"], clock)
        spans: dict[Table, Span] = {} if span is None else {table: span}
        faulty = any(reason.startswith("time: ") for reason in dropped)
        if not clock:
            return spans, {}
        raw = cells[column.column]
        if faulty or span is None or span.unusual:
            found = readings(raw)
        else:
            found = collections.Counter({"": span.rows, told(raw, column): span.rows})
        return spans, {(table, told(raw, column)): found}

    @functools.cached_property
    def tables(self) -> JoinedTables:
        """The joined tables."""
        return JoinedTables(self._config, self._columns)


def _kinds(block: Block) -> dict[tuple[str, str], dict[str, str]]:
    """The kinds of a typed source; in a text all columns are text, whatever they mean."""
    kinds = {field.name: _kind(field.type) for field in block.batch.schema}
    if set(kinds.values()) <= {"text", "nothing"}:
        return {}
    return {
        (block.table, name): {kind: block.origin}
        for name, kind in kinds.items()
        if kind != "nothing"
    }


def _kind(kind: pa.DataType) -> str:
    tests = {
        "nothing": pa.types.is_null,
        "integers": pa.types.is_integer,
        "fractions": pa.types.is_floating,
        "times": pa.types.is_temporal,
        "truth values": pa.types.is_boolean,
    }
    return next((name for name, applies in tests.items() if applies(kind)), "text")
