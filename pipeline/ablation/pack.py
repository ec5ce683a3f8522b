"""Packs the eval split, one target an example, back into examples of one user and many targets.

A model scores T targets of a user at hardly more cost than one, as their history is read once
(docs/architecture.md); the eval split holds it once for each target. All runs of a study read it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.scoring import by_user
from models import features

_TARGETS = (
    features.TARGET_ITEM,
    features.TARGET_CATEGORY,
    features.TARGET_TIME,
    features.TARGET_HIST_END,
)
# Read off the targets, and not needed for scoring.
_KEYS = {
    "user": features.USER_ID,
    "item": features.TARGET_ITEM,
    "time": features.TARGET_TIME,
    "label": features.LABEL,
    "oracle": features.TARGET_ORACLE,
}


def pack(blocks: Iterable[list[bytes]]) -> tuple[list[bytes], dict[str, np.ndarray]]:
    """Packs targets of a user whose histories continue each other.

    Args:
      blocks: of serialized raw `tf.Example`s, T = 1; what is packed together is within a block.

    Returns:
      The packed examples, and what tells their targets apart, [N] each in the same order: user,
      item, time, label and, of a simulated log, oracle. Ids are those of the log.
    """
    decoder = ExamplesToRecordBatchDecoder()
    packed: list[bytes] = []
    columns: dict[str, list[np.ndarray]] = {}
    for block in blocks:
        examples = decoder.DecodeBatch(block)
        there = examples.schema.names
        history = [name for name in there if name.startswith(features.HISTORY_PREFIX)]
        found = by_user.pack(examples, {*history, *_TARGETS})
        packed += found.serialized.tolist()
        for name, feature in _KEYS.items():
            if feature in there:
                values = examples.column(feature).flatten().take(pa.array(found.order))
                keys = values.to_numpy(zero_copy_only=False)
                if keys.dtype == object:  # ids that are text: no file takes objects
                    keys = keys.astype(np.bytes_)
                columns.setdefault(name, []).append(keys)
    return packed, {name: np.concatenate(parts) for name, parts in columns.items()}
