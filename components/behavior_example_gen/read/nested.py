"""Fields of structs and elements of lists as plain columns: `a.b` is the field b of the column a.

A row whose user, item or time is a list, such as one of a user, is one event per element: its
other lists are as long, and its other columns hold for all of them. Where none of these is a list,
a row is one event, and its lists are cells of several values. A list of structs is a list of each
field.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_example_gen.cells.parse import is_list
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read.block import UNEQUAL, Block, Rejected


def paths(fields: pa.Schema | pa.StructType) -> Iterator[str]:
    """Yields the names of all columns, and the dotted paths of all fields in them."""
    for field in fields:
        yield field.name
        inner = field.type.value_type if is_list(field.type) else field.type
        if pa.types.is_struct(inner):
            yield from (f"{field.name}.{path}" for path in paths(inner))


def select(batch: pa.RecordBatch, columns: Sequence[str]) -> pa.RecordBatch:
    """Returns the columns of some paths, under these names."""
    return pa.RecordBatch.from_arrays([_at(batch, name) for name in columns], list(columns))


def pick(row: Mapping[str, Any], path: str) -> Any:
    """Returns what a path means in a row, None if it is not there; in a list, of each element."""
    if path in row or "." not in path:
        return row.get(path)
    name, _, rest = path.partition(".")
    inner = row.get(name)
    if isinstance(inner, list):
        return [pick(e, rest) if isinstance(e, Mapping) else None for e in inner]
    return pick(inner, rest) if isinstance(inner, Mapping) else None


def has(row: Mapping[str, Any], path: str) -> bool:
    """Whether a path leads to a value in a row, be it null."""
    if path in row or "." not in path:
        return path in row
    name, _, rest = path.partition(".")
    inner = row.get(name)
    inside = inner if isinstance(inner, list) else [inner]
    return any(isinstance(e, Mapping) and has(e, rest) for e in inside)


def names_in(row: Mapping[str, Any]) -> Iterator[str]:
    """Yields the names of a row, and the dotted paths of all that is in it, as `paths` does."""
    for name, value in row.items():
        yield name
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, Mapping):
                yield from (f"{name}.{path}" for path in names_in(inner))


def by_event(block: Block, first_place: int, carriers: Container[str]) -> Block:
    """Turns rows that are several events into one row per event; others stay as they are.

    A row whose lists have different lengths is rejected, once for each event of the longest.

    Args:
      block: some rows.
      first_place: the place of the first event in its part.
      carriers: the columns of which a list is one event per element.

    Raises:
      LogError: if a column holds structs, or lists of lists.
    """
    batch, numbers = block.batch, block.numbers()
    for field in batch.schema:
        _check_plain(block.origin, field)
    if not any(is_list(field.type) and field.name in carriers for field in batch.schema):
        return block
    lists = [column for column in batch.columns if is_list(column.type)]
    sizes = [pc.list_value_length(column).fill_null(0).to_numpy() for column in lists]
    equal = np.logical_and.reduce([size == sizes[0] for size in sizes])
    events = np.maximum.reduce(sizes)  # as many are lost: rows are counted by their events
    names = (field.name for field in batch.schema if is_list(field.type))
    reason = f"{UNEQUAL}: {', '.join(names)}"
    rejected = [
        fault
        for row in np.flatnonzero(~equal).tolist()
        for fault in [Rejected.of(int(numbers[row]), reason, _shown(batch, row))] * events[row]
    ]
    batch = batch.filter(pa.array(equal))
    index = np.repeat(np.arange(batch.num_rows), sizes[0][equal])
    cells = [
        pc.list_flatten(column) if is_list(column.type) else column.take(pa.array(index))
        for column in batch.columns
    ]
    return dataclasses.replace(
        block,
        batch=pa.RecordBatch.from_arrays(cells, batch.schema.names),
        rejected=tuple(sorted([*block.rejected, *rejected])),
        lines=numbers[equal][index],
        places=first_place + np.arange(len(index)),
    )


def _shown(batch: pa.RecordBatch, row: int) -> str:
    return str(batch.slice(row, 1).to_pylist()[0])


def has_lists(schema: pa.Schema, columns: Sequence[str]) -> bool:
    """Whether a row of some columns can be many events."""
    return any(is_list(column.type) for column in select(_empty(schema), columns).columns)


def _empty(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)


def _at(batch: pa.RecordBatch, path: str) -> pa.Array:
    if path in batch.schema.names:
        return batch[path]
    name, *rest = path.split(".")
    return _inside(batch[name], rest)


def _inside(column: pa.Array, path: Sequence[str]) -> pa.Array:
    if not path:
        return column
    if is_list(column.type):
        inner = _inside(pc.list_flatten(column), path)
        sizes = pc.list_value_length(column).fill_null(0).to_numpy()
        ends = np.append(0, np.cumsum(sizes)).astype(np.int64)
        return pa.LargeListArray.from_arrays(pa.array(ends), inner)
    return _inside(pc.struct_field(column, path[0]), path[1:])


def _check_plain(origin: str, field: pa.Field) -> None:
    kind = field.type.value_type if is_list(field.type) else field.type
    if pa.types.is_struct(kind):
        names = ", ".join(f"{field.name}.{inner.name}" for inner in kind)
        raise LogError(
            f"{origin}: the column {field.name!r} holds several fields. Name one: {names}."
        )
    if is_list(kind) or pa.types.is_map(kind):
        raise LogError(
            f"{origin}: the column {field.name!r} has the type {field.type}, which is no event. "
            f"Write a row per event, or a list of plain values per row."
        )
    if not any(is_(kind) for is_ in _PLAIN):
        raise LogError(
            f"{origin}: the column {field.name!r} has the type {field.type}, which is no id, "
            f"number or time. Write it as numbers, text, timestamps or dates."
        )


_PLAIN = (
    pa.types.is_null, pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating,
    pa.types.is_decimal, pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view,
    pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view,
    pa.types.is_fixed_size_binary, pa.types.is_dictionary, pa.types.is_timestamp, pa.types.is_date,
)  # fmt: skip
