"""Brings the rows of some users into their one order, whatever the order they were read in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_example_gen.row import LACKS, SEQUENCE
from components.segments import starts

_LOWEST = np.finfo(np.float64).min


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
      drop_duplicates: whether to keep only the first of rows that are equal in every column; a
        missing cell equals the value that stands for it.

    Returns:
      The sorted rows, and the duplicates that were dropped.
    """
    user, _ = codes(rows["user"])
    time, sequence = rows["time"].to_numpy(), rows[SEQUENCE].to_numpy()
    apart = ("user", "time", SEQUENCE, LACKS)
    names = [name for name in rows.schema.names if name not in apart]

    def content(tied: np.ndarray) -> list[np.ndarray]:
        some = rows.take(pa.array(tied))
        return [_sortable(some[name]) for name in names]

    order, again = np.arange(rows.num_rows), np.zeros(rows.num_rows, bool)
    if drop_duplicates or not by_log:
        order, equal = sort_keys(user, time, content, sequence)
        again = equal if drop_duplicates else again
    kept, dropped = order[~again], order[again]
    if by_log:
        kept = kept[sort_keys(user[kept], time[kept], lambda tied: [], sequence[kept])[0]]
    return rows.take(pa.array(kept)), rows.take(pa.array(dropped))


def sort_keys(
    first: np.ndarray,
    second: np.ndarray,
    ties: Callable[[np.ndarray], list[np.ndarray]],
    last: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Sorts by `first`, a code, then `second`; of both equal, by other keys, then by `last`.

    The first two make one number, whose sort is vectorised; the other keys are made of those rows
    alone that need them.

    Args:
      first, second, last: [n] int64.
      ties: makes the other keys of some rows, given as indices.

    Returns:
      [n] int64 indices, and [n] bool: whether a row equals the one before it but for `last`.
    """
    since = _small(second)
    if (int(first.max()) + 1) * (int(since.max()) + 1) >= 2**63:
        order = np.lexsort((since, first))
    else:
        order = np.argsort(first * (since.max() + 1) + since)
    begins = starts(first[order], since[order])
    equal = np.zeros(len(order), bool)
    tied = ~(begins & np.append(begins[1:], True))
    if tied.any():
        rows = order[tied]
        keys = [np.cumsum(begins)[tied], *ties(rows)]
        place = np.lexsort([last[rows], *keys[::-1]])
        order[tied] = rows[place]
        equal[tied] = ~starts(*(key[place] for key in keys))
    return order, equal


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
    numbers = (values.fill_null(-1) if values.null_count else values).to_numpy()
    if pa.types.is_float32(values.type):  # a feature: what is missing equals what is missing
        return np.where(np.isnan(numbers), _LOWEST, numbers.astype(np.float64))
    return numbers
