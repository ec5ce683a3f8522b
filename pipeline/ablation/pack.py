"""Packs the eval split, one target an example, back into examples of one user and many targets.

A model scores T targets of a user at hardly more cost than one, as their history is read once
(docs/architecture.md); the eval split holds it once for each target. All runs of a study read it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.scoring import by_user
from components.scoring.frozen import Freezer
from models import features, lists
from models.signatures import NOT_SERVED

# Read off the targets, and not needed for scoring.
_KEYS = {
    "user": features.USER_ID,
    "item": features.TARGET_ITEM,
    "time": features.TARGET_TIME,
    "request": features.TARGET_REQUEST,
    "label": features.LABEL,
    "weight": features.TARGET_WEIGHT,
    "oracle": features.TARGET_ORACLE,
}
FROZEN_ORDER = "frozen_order"  # of targets, where they are scored with frozen histories


class PackedSplit(NamedTuple):
    """The eval split, packed.

    Attributes:
      examples: packed and serialized.
      targets: what tells their targets apart, [N] each in the same order: user, item, time,
        request, label and, where there are, weight and oracle. Ids are those of the log.
      frozen: the same targets with frozen histories, or None where metrics need none; see
        `models.lists`. Its order is that of `targets`.
    """

    examples: list[bytes]
    targets: dict[str, np.ndarray]
    frozen: by_user.Packed | None


def pack(blocks: Iterable[list[bytes]]) -> PackedSplit:
    """Packs targets of a user whose histories continue each other.

    Args:
      blocks: of serialized raw `tf.Example`s, T = 1; what is packed together is within a block.
    """
    decoder = ExamplesToRecordBatchDecoder()
    packed: list[bytes] = []
    columns: dict[str, list[np.ndarray]] = {}
    orders: list[np.ndarray] = []
    freezer: Freezer | None = None
    count = 0
    for block in blocks:
        examples = decoder.DecodeBatch(block)
        there = examples.schema.names
        wanted = {name for name in there if by_user.is_of_example(name) or _is_of_target(name)}
        freezer = freezer or Freezer(wanted)
        freezer.add(examples)
        found = by_user.pack(examples, wanted)
        packed += found.serialized.tolist()
        orders.append(count + found.order)
        count += len(found.order)
        for name, feature in _KEYS.items():
            if feature in there:
                values = examples.column(feature).flatten().take(pa.array(found.order))
                keys = values.to_numpy(zero_copy_only=False)
                if keys.dtype == object:  # ids that are text: no file takes objects
                    keys = keys.astype(np.bytes_)
                columns.setdefault(name, []).append(keys)
    targets = {name: np.concatenate(parts) for name, parts in columns.items()}
    if freezer is None or _protocol(targets) == lists.REQUEST:
        return PackedSplit(packed, targets, None)
    frozen = freezer.packed()
    place = np.empty(count, np.int64)
    place[np.concatenate(orders)] = np.arange(count)
    return PackedSplit(packed, targets, dataclasses.replace(frozen, order=place[frozen.order]))


def _is_of_target(name: str) -> bool:
    return name.startswith(features.TARGET_PREFIX) and name not in NOT_SERVED


def _protocol(targets: Mapping[str, np.ndarray]) -> lists.Protocol:
    return lists.protocol(targets["user"], targets["request"], targets["label"])
