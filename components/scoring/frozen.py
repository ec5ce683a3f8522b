"""Examples in which all of a user's targets see one history, as it stood at the first of them.

What `models.lists` calls frozen: targets that are scored so tell nothing of one another. What is
known of the user is of that target, too; what is known of a target when it is shown stays its own.
It costs one history a user; positions are computed by the serving graph, as for any request.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pyarrow as pa
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from components.scoring.by_user import Packed, is_of_example, lengths, present
from components.segments import ranges, starts
from models import features

# Targets of an example: what scoring holds at once grows with targets x behaviours.
_MOST_TARGETS = 256


class Freezer:
    """Gathers the examples of some users, all that a user has, and packs them.

    Args:
      wanted: features that the models read, of histories, users and targets.
    """

    def __init__(self, wanted: Collection[str]):
        shared = {name for name in wanted if is_of_example(name)}
        self._shared = sorted(shared)
        self._target = sorted({*wanted} - shared - {features.TARGET_HIST_END})
        self._targets: list[pa.RecordBatch] = []
        self._firsts: list[pa.RecordBatch] = []

    def add(self, examples: pa.RecordBatch) -> None:
        """Takes decoded examples, [n] lists by feature, in the order in which a user saw them."""
        targets = lengths(examples, features.TARGET_ITEM)
        example = np.repeat(np.arange(examples.num_rows), targets)
        user = examples.column(features.USER_ID).flatten().take(pa.array(example))
        time, end = (
            examples.column(name).flatten()
            for name in (features.TARGET_TIME, features.TARGET_HIST_END)
        )
        target, shared = (present(examples, names) for names in (self._target, self._shared))
        columns = {name: examples.column(name).flatten() for name in target}
        self._targets.append(pa.RecordBatch.from_pydict({_USER: user} | columns))
        first = _first(user, time)
        keys = {_USER: user, _TIME: time, _END: end}
        keys = {name: values.take(pa.array(first)) for name, values in keys.items()}
        rows = pa.array(example[first])
        columns = {name: examples.column(name).take(rows) for name in shared}
        self._firsts.append(pa.RecordBatch.from_pydict(keys | columns))

    def packed(self) -> Packed:
        """One example a user, or several of at most 256 targets; of all targets that were added."""
        targets, firsts = (_joined(parts) for parts in (self._targets, self._firsts))
        names = pa.concat_arrays([targets[_USER], firsts[_USER]]).dictionary_encode().indices
        user, of_first = np.split(names.to_numpy(), [targets.num_rows])
        chosen = _first(firsts[_USER], firsts[_TIME])
        place = np.empty(len(chosen), np.int64)
        place[of_first[chosen]] = chosen
        order = np.argsort(user, kind="stable")
        counts = np.bincount(user)
        pieces = -(-counts // _MOST_TARGETS)
        whose = np.repeat(np.arange(len(counts)), pieces)
        begin = ranges(np.zeros_like(pieces), pieces) * _MOST_TARGETS
        sizes = np.minimum(counts[whose] - begin, _MOST_TARGETS)
        history = pa.array(place[whose])
        offsets = pa.array(np.append(0, np.cumsum(sizes)))

        def of_targets(values: pa.Array) -> pa.Array:
            return pa.LargeListArray.from_arrays(offsets, values)

        columns = {n: firsts[n].take(history) for n in present(firsts, self._shared)}
        columns |= {
            n: of_targets(targets[n].take(pa.array(order))) for n in present(targets, self._target)
        }
        end = np.repeat(firsts[_END].to_numpy()[place[whose]], sizes)
        columns[features.TARGET_HIST_END] = of_targets(pa.array(end))
        batch = pa.RecordBatch.from_pydict(columns)
        serialized = np.asarray(RecordBatchToExamplesEncoder().encode(batch), object)
        return Packed(serialized, sizes, order)


_USER, _TIME, _END = "user", "time", "end"


def _first(users: pa.Array, times: pa.Array) -> np.ndarray:
    """Of each user the row of the least time, the first of equals."""
    user = users.dictionary_encode().indices.to_numpy()
    order = np.lexsort((times.to_numpy(), user))  # stable
    return order[starts(user[order])]


def _joined(parts: list[pa.RecordBatch]) -> pa.RecordBatch:
    """The rows of all of them, with every feature that any of them has."""
    tables = [pa.Table.from_batches([part]) for part in parts]
    return pa.concat_tables(tables, promote_options="default").combine_chunks().to_batches()[0]
