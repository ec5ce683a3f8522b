"""Any Beam IO as a source: a transform that gives rows as dictionaries, or batches of Arrow."""

from __future__ import annotations

import contextlib
import datetime
import importlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import pyarrow as pa

from components.behavior_example_gen.cells.parse import of_texts
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read.block import Block
from components.behavior_example_gen.read.files import check_columns
from components.behavior_example_gen.read.nested import by_event, paths, pick, select
from components.behavior_example_gen.sources.source import Source

_BLOCK_ROWS = 1 << 14
_ROWS, _BATCHES = "rows", "batches"
# What Arrow raises for values of no one type: of several, beyond 64 bits, or half a character.
_MIXED = (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError)


class BeamSource(Source):
    """The elements of a transform that reads.

    Args:
      name: what it is called in messages.
      transform: gives rows as mappings, named tuples or `beam.Row`s, or `pa.RecordBatch`es or
        `pa.Table`s.
      columns: names of the columns to read, at least one.
      section: the dotted key of the table, for messages.
      optional: those of the columns that rows may lack.
    """

    keeps_order = False

    def __init__(
        self,
        name: str,
        transform: beam.PTransform,
        columns: Sequence[str],
        section: str,
        optional: frozenset[str],
    ):
        self._name, self._transform, self._columns = name, transform, list(columns)
        self._section, self._optional = section, optional

    def blocks(self, pipeline: beam.Pipeline) -> beam.PCollection[Block]:
        """Reads, and turns rows into blocks where the transform gives no batches."""
        read = (
            pipeline
            | "Read" >> self._transform
            | "Kind"
            >> beam.ParDo(_ByKind(self._name, self._section)).with_outputs(_BATCHES, main=_ROWS)
        )
        told = {
            "name": self._name,
            "columns": self._columns,
            "section": self._section,
            "optional": self._optional,
        }
        of_rows = (
            read[_ROWS]
            | "Batch" >> beam.BatchElements(min_batch_size=256, max_batch_size=_BLOCK_ROWS)
            | "ToArrow" >> beam.FlatMap(_of_rows, **told)
        )
        of_batches = read[_BATCHES] | "Select" >> beam.FlatMap(_select, **told)
        return (of_rows, of_batches) | beam.Flatten()

    def fingerprint(self) -> str:
        """Another one each time: a source that cannot be asked whether it changed is read again."""
        return uuid.uuid4().hex


def beam_source(
    path: str,
    options: Mapping[str, Any],
    columns: Sequence[str],
    section: str,
    optional: frozenset[str],
) -> BeamSource:
    """Calls `package.module.function(**options)`, which returns the transform that reads.

    Raises:
      LogError: if there is no such function, or it does not take the options.
    """
    name = f"beam:{path}"
    module, _, function = path.rpartition(".")
    try:
        make = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as fault:
        raise LogError(
            f"`{section}.source` {name!r}: {fault}. Name a function or class of an importable "
            f"module, such as beam:apache_beam.io.ReadFromAvro, and install what it needs (on the "
            f"workers, too)."
        ) from fault
    try:
        transform = make(**options)
    except Exception as fault:
        raise LogError(
            f"`{section}.source` {name!r}: cannot be called with `{section}.options` "
            f"{json.dumps(options)}: {fault}"
        ) from fault
    if not isinstance(transform, beam.PTransform):
        raise LogError(
            f"`{section}.source` {name!r} must return a Beam PTransform. Received: "
            f"{type(transform).__name__}"
        )
    return BeamSource(name, transform, columns, section, optional)


def to_arrow(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pa.RecordBatch:
    """Turns rows into columns; one of mixed types, or beyond 64 bits, becomes text."""
    present = set().union(*rows)
    known = [n for n in columns if n in present or n.partition(".")[0] in present]
    cells = {name: [pick(row, name) for row in rows] for name in known}
    return pa.RecordBatch.from_pydict({name: _column(values) for name, values in cells.items()})


def _column(values: list[Any]) -> pa.Array:
    kinds = {type(value) for value in values if value is not None}
    # Arrow takes a time among days for its day, and a number among times for microseconds.
    if len(kinds) == 1 or kinds.isdisjoint((datetime.date, datetime.datetime)):
        with contextlib.suppress(*_MIXED):
            return pa.array(values)
    return of_texts([None if value is None else str(value) for value in values])


def _of_rows(
    rows: Sequence[Mapping[str, Any]],
    name: str,
    columns: list[str],
    section: str,
    optional: frozenset[str],
) -> Iterator[Block]:
    batch = to_arrow(rows, columns)
    absent = optional.intersection(columns).difference(paths(batch.schema))
    for column in sorted(absent):
        batch = batch.append_column(column, pa.nulls(len(rows), pa.string()))
    yield from _select(batch, name, columns, section, optional, absent)


def _select(
    batch: pa.RecordBatch | pa.Table,
    name: str,
    columns: list[str],
    section: str,
    optional: frozenset[str],
    absent: frozenset[str] = frozenset(),
) -> Iterator[Block]:
    check_columns(name, columns, list(paths(batch.schema)), section)
    table = batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch])
    for part in table.to_batches():
        block = Block(f"{name} (a batch)", 0, 1, select(part, columns), absent=absent)
        yield by_event(block, 1, frozenset(columns) - optional).checked()


class _ByKind(beam.DoFn):
    def __init__(self, name: str, section: str):
        self._name, self._section = name, section

    def process(self, element: object) -> Iterator[beam.pvalue.TaggedOutput | Mapping[str, Any]]:
        if isinstance(element, pa.RecordBatch | pa.Table):
            yield beam.pvalue.TaggedOutput(_BATCHES, element)
        elif isinstance(element, Mapping):
            yield element
        elif hasattr(element, "_asdict"):  # a named tuple, or a row of a Beam schema
            yield element._asdict()
        else:
            raise LogError(
                f"`{self._section}.source` {self._name!r} must give mappings or named tuples "
                f"(rows), or Arrow batches. Received: {type(element).__name__}"
            )
