"""Brings the rows of some users into their one order, whatever the order they were read in."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_example_gen.segments import starts

SEQUENCE = "sequence"  # position in the log, where that counts


def codes(values: pa.Array) -> tuple[np.ndarray, pa.Array]:
    """Numbers the distinct values in rising order: [n] int64 codes, and the values [k]."""
    unique = values.dictionary_encode()
    rising = pc.sort_indices(unique.dictionary)
    rank = np.empty(len(rising), np.int64)
    rank[rising.to_numpy()] = np.arange(len(rising))
    return rank[unique.indices.to_numpy()], unique.dictionary.take(rising)


def sort_rows(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Sorts by user and time; equal times by position in the log, if given, or else by content."""
    ties = [SEQUENCE] if SEQUENCE in rows.schema.names else _content(rows)
    return rows.take(pa.array(_sorted(rows, ["user", "time", *ties])))


def drop_duplicates(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Keeps the first, in the log, of rows that are equal in every column but `sequence`."""
    content = ["user", "time", *_content(rows)]
    sequence = [SEQUENCE] if SEQUENCE in rows.schema.names else []
    order = _sorted(rows, content + sequence)
    first = starts(*(_sortable(rows[name])[order] for name in content))
    return rows if first.all() else rows.take(pa.array(np.sort(order[first])))


def _content(rows: pa.RecordBatch) -> list[str]:
    return [name for name in rows.schema.names if name not in ("user", "time", SEQUENCE)]


def _sorted(rows: pa.RecordBatch, names: list[str]) -> np.ndarray:
    return np.lexsort([_sortable(rows[name]) for name in reversed(names)])


def _sortable(values: pa.Array) -> np.ndarray:
    if pa.types.is_binary(values.type):
        return codes(values)[0]
    return (values.fill_null(-1) if values.null_count else values).to_numpy()
