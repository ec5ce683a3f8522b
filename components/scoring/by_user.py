"""Scores examples so that a history which several of them share is read once.

Examples of the eval split hold one target each, and each carries the history that its target sees.
The histories of one user are mostly prefixes of one another: `pack` merges such examples into one
with all their targets, told apart by `target_hist_end`, as in training. What is known of the user
must be the same in them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Iterator

import numpy as np
import pyarrow as pa
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from components.segments import ranges, starts
from models import features

# From serialized examples, [n] of bytes, to their scores [n, T] or [n, T, labels], of which padding
# is anything.
Predict = Callable[[np.ndarray], np.ndarray]

# Bytes of serialized examples, after padding to the longest, that are scored at once.
_BATCH_BYTES = 4 << 20


@dataclasses.dataclass(frozen=True)
class Packed:
    """Examples of one history and all the targets that see a prefix of it.

    Attributes:
      serialized: [g] of bytes.
      counts: [g] targets of each.
      order: [targets] which of the targets given each of theirs is.
    """

    serialized: np.ndarray
    counts: np.ndarray
    order: np.ndarray

    def restore(self, scores: np.ndarray) -> np.ndarray:
        """Puts scores [targets] or [targets, labels] of `score_packed` into the targets' order."""
        restored = np.empty_like(scores)
        restored[self.order] = scores
        return restored


def score(predict: Predict, examples: pa.RecordBatch, wanted: Collection[str]) -> np.ndarray:
    """Scores every target.

    Args:
      predict: the model.
      examples: decoded, [n] lists by feature.
      wanted: features that the model reads.

    Returns:
      [targets] or [targets, labels] float32, in the order of the examples and of the targets within
      each.
    """
    packed = pack(examples, wanted)
    return packed.restore(score_packed(predict, packed.serialized, packed.counts))


def pack(examples: pa.RecordBatch, wanted: Collection[str]) -> Packed:
    """Merges examples whose histories are prefixes of one another.

    Args:
      examples: decoded, [n] lists by feature.
      wanted: features that are kept, of histories, users and targets.
    """
    members, begins = merge(examples)
    targets = lengths(examples, features.TARGET_ITEM)
    first_target = np.cumsum(targets) - targets
    order = ranges(first_target[members], (first_target + targets)[members])
    ends = np.append(begins[1:], len(members))
    counts = np.diff(np.cumsum(targets[members])[ends - 1], prepend=0)
    return Packed(_encode(examples, members[ends - 1], order, counts, wanted), counts, order)


def score_packed(predict: Predict, serialized: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Scores packed examples, those of similar size together.

    Args:
      predict: the model.
      serialized, counts: as in `Packed`.

    Returns:
      [targets] or [targets, labels] float32, in the order of the packed examples and of the targets
      within each.
    """
    last_target = np.cumsum(counts)
    scores = np.empty(0, np.float32)
    for rows in _batches(serialized, counts):
        predicted = predict(serialized[rows])
        if not len(scores):
            scores = np.empty((counts.sum(), *predicted.shape[2:]), np.float32)
        valid = np.arange(predicted.shape[1]) < counts[rows, None]
        scores[ranges(last_target[rows] - counts[rows], last_target[rows])] = predicted[valid]
    return scores


def merge(examples: pa.RecordBatch) -> tuple[np.ndarray, np.ndarray]:
    """Finds the examples of one user whose histories are prefixes of one another.

    Args:
      examples: decoded, [n] lists by feature.

    Returns:
      members: [n] permutation of the examples: groups are adjacent, the longest history of a group
        is its last.
      begins: [g] where each group begins.
    """
    length = lengths(examples, features.HISTORY_ITEM)
    user = _codes(examples.column(features.USER_ID).flatten())
    begin = np.cumsum(length) - length
    time = examples.column(features.HISTORY_TIME).flatten().to_numpy()
    # Windows of one user that begin elsewhere share nothing.
    first = np.where(length > 0, np.append(time, 0)[begin], -1)
    order = np.lexsort((length, first, user))
    new = starts(user[order], first[order])
    group = np.cumsum(new) - 1
    longest = order[np.append(np.flatnonzero(new)[1:], len(order)) - 1][group]
    prefixes = _Prefixes(length, order, longest)
    wrong = np.zeros(len(order), bool)
    for name in present(examples, examples.schema.names):
        if name.startswith(features.HISTORY_PREFIX):
            wrong |= prefixes.differ(examples.column(name))
        elif is_of_user(name):
            size = lengths(examples, name)
            wrong |= size[order] != size[longest]
            wrong |= _Prefixes(size, order, longest).differ(examples.column(name))
    # What is no prefix after all stands alone, behind the groups.
    alone = group[-1:].sum() + 1 + np.arange(wrong.sum())
    members = np.concatenate([order[~wrong], order[wrong]])
    begins = np.flatnonzero(starts(np.concatenate([group[~wrong], alone])))
    return members, begins


class _Prefixes:
    """Compares the lists of examples with those of others, as far as the shorter ones reach.

    Args:
      size: [n] values of each example.
      mine, theirs: [m] examples.
    """

    def __init__(self, size: np.ndarray, mine: np.ndarray, theirs: np.ndarray):
        begin = np.cumsum(size) - size
        count = np.minimum(size[mine], size[theirs])
        self._mine = ranges(begin[mine], begin[mine] + count)
        self._theirs = ranges(begin[theirs], begin[theirs] + count)
        self._ends = np.append(0, np.cumsum(count))

    def differ(self, column: pa.Array) -> np.ndarray:
        """[m] whether two lists of a feature differ in any value."""
        codes = _codes(column.flatten())
        found = np.append(0, np.cumsum(codes[self._mine] != codes[self._theirs]))
        return np.diff(found[self._ends]) > 0


def is_of_user(name: str) -> bool:
    """Whether a raw feature is a configured one of users: `user_<name>`."""
    return name.startswith(features.user_feature("")) and name != features.USER_ID


def is_of_example(name: str) -> bool:
    """Whether all targets of an example share a raw feature: the history's, or the user's."""
    return name.startswith(features.HISTORY_PREFIX) or is_of_user(name)


def present(examples: pa.RecordBatch, wanted: Iterable[str]) -> list[str]:
    """The wanted features of which any example has a value, sorted.

    Without a schema, a list that is empty in all examples has no type; to a model, it is as good as
    none.
    """
    there = set(examples.schema.names)
    typed = (n for n in wanted if n in there and not pa.types.is_null(examples.column(n).type))
    return sorted(typed)


def lengths(examples: pa.RecordBatch, name: str) -> np.ndarray:
    """[n] number of values of a feature in each example."""
    return np.diff(examples.column(name).offsets.to_numpy())


def _codes(values: pa.Array) -> np.ndarray:
    """Numbers that are equal where the values are."""
    if pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
        return values.dictionary_encode().indices.to_numpy()
    if pa.types.is_floating(values.type):
        return values.to_numpy().view(np.int32)  # NaN is equal to itself
    return values.to_numpy()


def _encode(
    examples: pa.RecordBatch,
    longest: np.ndarray,
    order: np.ndarray,
    counts: np.ndarray,
    wanted: Collection[str],
) -> np.ndarray:
    """The merged examples, serialized: the longest history of each group, and all its targets."""
    chosen, offsets = pa.array(longest), pa.array(np.append(0, np.cumsum(counts)))
    columns = {}
    for name in present(examples, wanted):
        column = examples.column(name)
        if is_of_example(name):
            columns[name] = column.take(chosen)
        else:
            columns[name] = pa.LargeListArray.from_arrays(
                offsets, column.flatten().take(pa.array(order))
            )
    batch = pa.RecordBatch.from_pydict(columns)
    return np.asarray(RecordBatchToExamplesEncoder().encode(batch), object)


def _batches(serialized: np.ndarray, counts: np.ndarray) -> Iterator[np.ndarray]:
    """Rows of similar number of targets and size: a batch is padded in both."""
    sizes = np.array([len(example) for example in serialized])
    targets = np.frexp(counts - 0.5)[1]  # logarithm, rounded up
    for exponent in np.unique(targets):
        rows = np.flatnonzero(targets == exponent)
        for batch in similar_sizes(sizes[rows], _BATCH_BYTES):
            yield rows[batch]


def similar_sizes(sizes: np.ndarray, budget: int) -> Iterator[np.ndarray]:
    """Splits rows into batches of similar size, each a power of two long.

    A model pads a batch to its longest history, and compiles for every batch size that it meets.

    Args:
      sizes: [n] size of each row.
      budget: most that `rows x largest size` of a batch may be; a single row may exceed it.

    Yields:
      Indices of the rows of each batch; together every row once.
    """
    order = np.argsort(sizes, kind="stable")[::-1]
    begin = 0
    while begin < len(order):
        fitting = max(budget // max(int(sizes[order[begin]]), 1), 1)
        count = 1 << (min(fitting, len(order) - begin).bit_length() - 1)
        yield order[begin : begin + count]
        begin += count
