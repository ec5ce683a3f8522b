"""Writes examples as serialized `tf.Example`s, through Arrow and tfx_bsl's C++ coder."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from components.behavior_example_gen.match import MISSING, MatchIndex
from components.behavior_example_gen.pack import Examples
from components.behavior_example_gen.segments import ranges
from components.behavior_example_gen.targets import Histories, Targets
from models import features

_VALUES = 1 << 20  # of one feature, encoded at a time: bounds the memory


def encode(
    examples: Examples, histories: Histories, targets: Targets, match: int, sliced: bool
) -> Iterator[list[bytes]]:
    """Encodes examples in their order.

    Args:
      examples: slices of `histories` and `targets`.
      histories: of all users.
      targets: of the split.
      match: most matches of a target, M.
      sliced: whether to add what reports slice by: only for examples of one target.

    Yields:
      Lists of serialized `tf.Example`s.
    """
    coder = RecordBatchToExamplesEncoder()
    index = MatchIndex(histories.user, histories.category_code)
    values = np.maximum(
        examples.history_end - examples.history_begin,
        (examples.target_end - examples.target_begin) * match,
    )
    part = np.cumsum(values) // _VALUES
    cuts = np.flatnonzero(np.diff(part)) + 1
    for which in np.split(np.arange(len(values)), cuts):
        if len(which):
            yield coder.encode(
                _batch(examples.take(which), histories, targets, index, match, sliced)
            )


def _batch(
    examples: Examples,
    histories: Histories,
    targets: Targets,
    index: MatchIndex,
    match: int,
    sliced: bool,
) -> pa.RecordBatch:
    lengths = examples.history_end - examples.history_begin
    behaviors = pa.array(ranges(examples.history_begin, examples.history_end))
    columns = {
        name: _lists(values.take(behaviors), lengths) for name, values in histories.columns.items()
    }

    sizes = examples.target_end - examples.target_begin
    chosen = ranges(examples.target_begin, examples.target_end)
    chosen_arrow = pa.array(chosen)
    offset = np.repeat(examples.history_begin, sizes)
    hist_end, window = targets.hist_end[chosen], targets.window_begin[chosen]
    matches = index.last(
        targets.user[chosen], targets.category_code[chosen], hist_end, window, match
    )
    np.subtract(matches, offset[:, None], out=matches, where=matches != MISSING)
    columns |= {
        features.TARGET_ITEM: _lists(targets.item.take(chosen_arrow), sizes),
        features.TARGET_CATEGORY: _lists(targets.category.take(chosen_arrow), sizes),
        features.TARGET_TIME: _lists(targets.seconds[chosen], sizes),
        features.TARGET_HIST_END: _lists(hist_end - offset, sizes),
        features.TARGET_LOCAL_BEGIN: _lists(targets.local_begin[chosen] - offset, sizes),
        features.TARGET_MATCH: _lists(matches.ravel(), sizes * match),
        features.LABEL: _lists(targets.label[chosen], sizes),
    }

    first = examples.target_begin
    one = np.ones(len(first), np.int64)
    columns[features.USER_ID] = _lists(targets.user_id.take(pa.array(first)), one)
    if sliced:
        columns |= {
            features.SLICE_HISTORY_LENGTH: _lists(power_of_two(hist_end - window), one),
            features.SLICE_USER_ACTIVITY: _lists(power_of_two(targets.user_rows[first]), one),
        }
        if targets.oracle is not None:
            columns[features.TARGET_ORACLE] = _lists(
                targets.oracle.take(chosen_arrow).cast(pa.float32()), one
            )
    return pa.RecordBatch.from_pydict(columns)


def power_of_two(counts: np.ndarray) -> np.ndarray:
    """Returns [n] int64: the largest power of two that is at most the count, 0 for 0."""
    exponent = np.frexp(counts.astype(np.float64))[1].astype(np.int64) - 1
    return np.where(counts > 0, np.left_shift(1, np.maximum(exponent, 0)), 0)


def _lists(values: np.ndarray | pa.Array, lengths: np.ndarray) -> pa.LargeListArray:
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    values = values if isinstance(values, pa.Array) else pa.array(values)
    return pa.LargeListArray.from_arrays(pa.array(offsets), values)
