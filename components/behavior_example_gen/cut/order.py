"""Brings the rows of some users into their one order, whatever the order they were read in."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_example_gen.row import SEQUENCE
from components.segments import starts


def codes(values: pa.Array) -> tuple[np.ndarray, pa.Array]:
    """Numbers the distinct values in rising order: [n] int64 codes, and the values [k]."""
    unique = values.dictionary_encode()
    rising = pc.sort_indices(unique.dictionary)
    rank = np.empty(len(rising), np.int64)
    rank[rising.to_numpy()] = np.arange(len(rising))
    return rank[unique.indices.to_numpy()], unique.dictionary.take(rising)


def sort_rows(
    rows: pa.RecordBatch, by_log: bool, drop_duplicates: bool
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Sorts by user and time; equal times by content, or by their position in the log.

    Args:
      rows: as `clean` returns them, at least one.
      by_log: whether the position in the log orders rows of the same time. Otherwise it counts for
        nothing: the same rows in any order give the same result.
      drop_duplicates: whether to keep only the first of rows that are equal in every column.

    Returns:
      The sorted rows, and the duplicates that were dropped.
    """
    user, _ = codes(rows["user"])
    time, sequence = rows["time"].to_numpy(), rows[SEQUENCE].to_numpy()
    content = [name for name in rows.schema.names if name not in ("user", "time", SEQUENCE)]
    keys = [user, time, *(_sortable(rows[name]) for name in content)]
    order, again = np.arange(rows.num_rows), np.zeros(rows.num_rows, bool)
    if drop_duplicates or not by_log:
        order = _sorted([*keys, sequence])
    if drop_duplicates:
        again = ~starts(*(key[order] for key in keys))
    kept, dropped = order[~again], order[again]
    if by_log:
        kept = kept[_sorted([user[kept], time[kept], sequence[kept]])]
    return rows.take(pa.array(kept)), rows.take(pa.array(dropped))


def _sorted(keys: list[np.ndarray]) -> np.ndarray:
    """Sorts by the first key, then the second, ...: [n] int64. The first one is a code.

    The first two make one number, whose sort is vectorised; only its ties need the other keys.
    """
    first, second = keys[0], _small(keys[1])
    if (int(first.max()) + 1) * (int(second.max()) + 1) >= 2**63:
        return np.lexsort(keys[::-1])
    packed = first * (second.max() + 1) + second
    order = np.argsort(packed)
    begins = starts(packed[order])
    tied = ~(begins & np.append(begins[1:], True))
    if tied.any():
        rows = order[tied]
        order[tied] = rows[np.lexsort([key[rows] for key in [packed, *keys[2:]][::-1]])]
    return order


def _small(times: np.ndarray) -> np.ndarray:
    """Counts from the first time, in the largest unit in which all of them are whole: [n] int64."""
    since = times - times.min()
    for unit in (1_000_000_000, 1_000_000, 1_000):
        if not (since % unit).any():
            return since // unit
    return since


def _sortable(values: pa.Array) -> np.ndarray:
    if pa.types.is_binary(values.type):
        return codes(values.fill_null(b""))[0]
    return (values.fill_null(-1) if values.null_count else values).to_numpy()
