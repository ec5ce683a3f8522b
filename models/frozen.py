"""Packed examples in which all of a user's targets see one history; see `lists`.

The history is that of the user's first target. Positions are computed anew, batch by batch, as the
serving graph does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from models import features, positions
from models.buckets import BatchShape
from models.inputs import Examples, Split, plan_batches
from models.settings import HistorySettings

# Positions of targets, which follow from what they see.
_COMPUTED = (features.TARGET_HIST_END, features.TARGET_LOCAL_BEGIN, features.TARGET_MATCH)


def frozen_batches(
    split: Split, shapes: Sequence[BatchShape], history: HistorySettings, unknown: int
) -> Iterator[tuple[tf.data.Dataset, list[np.ndarray]]]:
    """Yields what `Split.batches` does, all of a user's targets in a part seeing one history.

    Args:
      split: of examples in any order.
      shapes: of its batches.
      history: how its examples were cut.
      unknown: id of unknown categories, which match nothing.
    """

    @tf.autograph.experimental.do_not_convert
    def with_positions(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        history_category, target_category = (
            batch[name] for name in (features.HISTORY_CATEGORY, features.TARGET_CATEGORY)
        )
        end = batch[features.TARGET_HIST_END]
        begin = positions.local_begin(
            batch[features.HISTORY_TIME],
            batch[features.TARGET_TIME],
            end,
            session_gap=history.session_gap,
            min_local=history.min_local,
        )
        match = positions.target_match(
            tf.where(history_category == unknown, -1, history_category),
            tf.where(target_category == unknown, -2, target_category),
            end,
            match=history.match,
        )
        return batch | {features.TARGET_LOCAL_BEGIN: begin, features.TARGET_MATCH: match}

    for part in split.parts():
        frozen = freeze(part, shapes)
        lengths, targets = (
            frozen.columns[name].row_lengths()[:-1].numpy()
            for name in (features.HISTORY_ITEM, features.TARGET_ITEM)
        )
        plan = plan_batches(shapes, lengths, targets, None)
        users = [frozen.users[batch.rows[batch.rows < len(frozen)]] for batch in plan]
        yield frozen.dataset(plan).map(with_positions), users


def freeze(examples: Examples, shapes: Sequence[BatchShape]) -> Examples:
    """One example for each user, or several of one history where no shape holds all its targets.

    Args:
      examples: whose targets are taken together by user.
      shapes: that the new examples must fit into.

    Returns:
      Examples without `target_local_begin` and `target_match`.
    """
    flat = {name: column.flat_values.numpy() for name, column in examples.columns.items()}
    counts = examples.columns[features.TARGET_ITEM].row_lengths()[:-1].numpy()
    lengths = examples.columns[features.HISTORY_ITEM].row_lengths()[:-1].numpy()
    distinct, user_of = np.unique(examples.users, return_inverse=True)
    example = np.repeat(np.arange(len(counts)), counts)
    user, end = user_of[example], flat[features.TARGET_HIST_END]
    by_time = np.lexsort((end, flat[features.TARGET_TIME], user))
    first = by_time[np.append(True, np.diff(user[by_time]) > 0)]
    order, targets = np.argsort(user, kind="stable"), np.bincount(user)

    # Of the shapes that hold the history, the one with the most room.
    room = np.array([(end[first] <= shape.length) * shape.targets for shape in shapes]).max(0)
    pieces = -(-targets // room)
    whose = np.repeat(np.arange(len(distinct)), pieces)
    taken = _ranges(pieces) * room[whose]
    sizes = np.minimum(targets[whose] - taken, room[whose])

    length = end[first][whose]
    begin = (np.cumsum(lengths) - lengths)[example[first]][whose]
    behaviors = np.repeat(begin, length) + _ranges(length)
    columns = {}
    for name, values in flat.items():
        if name.startswith(features.HISTORY_PREFIX):
            columns[name] = _ragged(values[behaviors], length)
        elif name in examples.layout.values:
            columns[name] = tf.gather(
                examples.columns[name], np.append(example[first][whose], len(examples))
            )
        elif name not in _COMPUTED:
            columns[name] = _ragged(values[order], sizes)
    columns[features.TARGET_HIST_END] = _ragged(np.repeat(length, sizes), sizes)
    # Moments are counted of examples as they were, which others cut into pieces.
    layout = dataclasses.replace(examples.layout, moments=False)
    return Examples(distinct[whose], columns, layout)


def _ranges(sizes: np.ndarray) -> np.ndarray:
    """Concatenates `arange(size)` for all sizes."""
    return np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)


def _ragged(values: np.ndarray, lengths: np.ndarray) -> tf.RaggedTensor:
    """Rows of these lengths, and the empty one that stands for "no example"."""
    return tf.RaggedTensor.from_row_lengths(values, np.append(lengths, 0), validate=False)
