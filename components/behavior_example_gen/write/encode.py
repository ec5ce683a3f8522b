"""Writes examples as serialized `tf.train.Example`s: slices of columns that are encoded once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from components.behavior_example_gen.cut.category_match import MISSING, MatchIndex
from components.behavior_example_gen.cut.pack import Examples
from components.behavior_example_gen.cut.targets import Histories, Targets
from components.behavior_example_gen.write import example_proto
from components.behavior_example_gen.write.values import EncodedValues, Values
from components.segments import power_of_two, ranges
from models import features

_MATCHES = 1 << 21  # encoded at a time: bounds the memory


class Encoder:
    """Encodes the examples of some users.

    Args:
      histories: of the users.
      users: their features, by the name in the example.
      match: most matches of a target, M.
    """

    def __init__(self, histories: Histories, users: Mapping[str, Values], match: int):
        self._columns = {
            name: example_proto.encode_column(values) for name, values in histories.columns.items()
        }
        self._users = {name: EncodedValues(values) for name, values in users.items()}
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
            features.TARGET_REQUEST: seen.request,
            features.LABEL: seen.label,
            **{features.label_feature(name): label for name, label in seen.labels.items()},
            **seen.context,
        }
        if seen.weight is not None:
            columns[features.TARGET_WEIGHT] = seen.weight
        if sliced:
            visible = seen.hist_end - seen.window_begin
            columns[features.SLICE_HISTORY_LENGTH] = power_of_two(visible)
            columns[features.SLICE_USER_ACTIVITY] = power_of_two(seen.user_rows)
            if seen.oracle is not None:
                columns[features.TARGET_ORACLE] = seen.oracle.cast(pa.float32())
        encoded |= {
            name: example_proto.encode_column(values).slices(last - sizes, last)
            for name, values in columns.items()
        }

        matches = self._matches(seen, offset)
        encoded[features.TARGET_MATCH] = matches.slices(
            (last - sizes) * self._match, last * self._match
        )
        first = targets.user[examples.target_begin]
        encoded |= {name: values.slices(first, first + 1) for name, values in self._users.items()}
        users = example_proto.encode_column(targets.user_id.take(pa.array(examples.target_begin)))
        one = np.arange(len(sizes))
        encoded[features.USER_ID] = users.slices(one, one + 1)
        yield from example_proto.examples(encoded)

    def _matches(self, seen: Targets, offset: np.ndarray) -> example_proto.Encoded:
        """The positions of each target's matches in its example."""
        found = self._index.last(
            seen.user, seen.category_code, seen.hist_end, seen.window_begin, self._match
        )
        np.subtract(found, offset[:, None], out=found, where=found != MISSING)
        positions = example_proto.encode_column(
            np.arange(MISSING, int(found.max(initial=MISSING)) + 1)
        )
        return example_proto.take(positions, pa.array(found.ravel() - MISSING))
