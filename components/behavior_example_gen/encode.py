"""Writes examples as serialized `tf.train.Example`s: slices of columns that are encoded once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from components.behavior_example_gen import wire
from components.behavior_example_gen.match import MISSING, MatchIndex
from components.behavior_example_gen.pack import Examples
from components.behavior_example_gen.segments import ranges
from components.behavior_example_gen.targets import Histories, Targets
from models import features

_MATCHES = 1 << 21  # encoded at a time: bounds the memory


class Encoder:
    """Encodes the examples of some users.

    Args:
      histories: of the users.
      match: most matches of a target, M.
    """

    def __init__(self, histories: Histories, match: int):
        self._columns = {
            name: wire.encode_column(values) for name, values in histories.columns.items()
        }
        self._index = MatchIndex(histories.user, histories.category_code)
        self._match = match

    def encode(self, examples: Examples, targets: Targets, sliced: bool) -> Iterator[bytes]:
        """Encodes examples in their order.

        Args:
          examples: slices of the histories and of `targets`.
          targets: of the split.
          sliced: whether to add what reports slice by: only for examples of one target.

        Yields:
          Serialized `tf.train.Example`s.
        """
        sizes = examples.target_end - examples.target_begin
        part = np.cumsum(sizes) * self._match // _MATCHES
        for which in np.split(np.arange(len(sizes)), np.flatnonzero(np.diff(part)) + 1):
            if len(which):
                yield from self._encode(examples.take(which), targets, sliced)

    def _encode(self, examples: Examples, targets: Targets, sliced: bool) -> Iterator[bytes]:
        begin, end = examples.history_begin, examples.history_end
        encoded = {name: column.slices(begin, end) for name, column in self._columns.items()}

        sizes = examples.target_end - examples.target_begin
        last = np.cumsum(sizes)
        chosen = ranges(examples.target_begin, examples.target_end)
        seen = targets.take(chosen)
        offset = np.repeat(begin, sizes)
        columns = {
            features.TARGET_ITEM: seen.item,
            features.TARGET_CATEGORY: seen.category,
            features.TARGET_TIME: seen.seconds,
            features.TARGET_HIST_END: seen.hist_end - offset,
            features.TARGET_LOCAL_BEGIN: seen.local_begin - offset,
            features.LABEL: seen.label,
        }
        if sliced:
            visible = seen.hist_end - seen.window_begin
            columns[features.SLICE_HISTORY_LENGTH] = power_of_two(visible)
            columns[features.SLICE_USER_ACTIVITY] = power_of_two(seen.user_rows)
            if seen.oracle is not None:
                columns[features.TARGET_ORACLE] = seen.oracle.cast(pa.float32())
        encoded |= {
            name: wire.encode_column(values).slices(last - sizes, last)
            for name, values in columns.items()
        }

        matches = self._matches(seen, offset)
        encoded[features.TARGET_MATCH] = matches.slices(
            (last - sizes) * self._match, last * self._match
        )
        users = wire.encode_column(targets.user_id.take(pa.array(examples.target_begin)))
        one = np.arange(len(sizes))
        encoded[features.USER_ID] = users.slices(one, one + 1)
        yield from wire.examples(encoded)

    def _matches(self, seen: Targets, offset: np.ndarray) -> wire.Encoded:
        """The positions of each target's matches in its example."""
        found = self._index.last(
            seen.user, seen.category_code, seen.hist_end, seen.window_begin, self._match
        )
        np.subtract(found, offset[:, None], out=found, where=found != MISSING)
        positions = wire.encode_column(np.arange(MISSING, int(found.max(initial=MISSING)) + 1))
        return wire.take(positions, pa.array(found.ravel() - MISSING))


def power_of_two(counts: np.ndarray) -> np.ndarray:
    """Returns [n] int64: the largest power of two that is at most the count, 0 for 0."""
    exponent = np.frexp(counts.astype(np.float64))[1].astype(np.int64) - 1
    return np.where(counts > 0, np.left_shift(1, np.maximum(exponent, 0)), 0)
