"""Every feature name, once.

Raw `tf.Example`s, transformed examples and the batches that models read use the same names; what
changes is the values (ids of the log, then vocabulary ids) and the layout (ragged, then padded).
Shapes are those of the batch: **B** users, **T** targets, **L** behaviours, **M** matches.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

USER_ID = "user_id"

HISTORY_PREFIX = "history_"
HISTORY_ITEM = "history_item"  # [B, L], oldest first
HISTORY_CATEGORY = "history_category"  # [B, L]
HISTORY_TIME = "history_time"  # [B, L]
HISTORY_BEHAVIOR = "history_behavior"  # [B, L], optional: pv/cart/fav/buy, a rating ...

TARGET_ITEM = "target_item"  # [B, T]
TARGET_CATEGORY = "target_category"  # [B, T]
TARGET_TIME = "target_time"  # [B, T]
TARGET_REQUEST = "target_request"  # [B, T], equal within a user: shown together; -1 padded
TARGET_HIST_END = "target_hist_end"  # [B, T], exclusive end of the visible history
TARGET_LOCAL_BEGIN = "target_local_begin"  # [B, T], local = history[local_begin:hist_end]
TARGET_MATCH = "target_match"  # [B, T, M], last behaviours in the target's category, -1 padded

LABEL = "label"  # [B, T], absent when serving

# Of the `eval` split only, [1] each: what reports slice by, and the simulator's true probability.
SLICE_HISTORY_LENGTH = "slice_history_length"
SLICE_USER_ACTIVITY = "slice_user_activity"
TARGET_ORACLE = "target_oracle"

# Of the batch only: what padding hides.
HISTORY_LENGTH = "history_length"  # [B]
TARGET_VALID = "target_valid"  # [B, T]

# Names of the vocabularies, and of the assets that hold them.
ITEM = "item"
CATEGORY = "category"
BEHAVIOR = "behavior"

# Of an exported model: its signatures, and what both return.
SERVING_DEFAULT = "serving_default"
SCORE = "score"
PROBABILITY = "probability"  # [B, T]

PADDING_ID = 0  # of every id feature; known values follow from 1, the last id is "unknown"


def history_feature(name: str) -> str:
    """Returns the feature name of the cross feature `name`: `"dwell"` -> `"history_dwell"`."""
    return HISTORY_PREFIX + name


@dataclasses.dataclass(frozen=True)
class FeatureSizes:
    """Rows of each embedding table: padding (id 0), the known values, and unknown (the last id).

    Attributes:
      item: rows of the item table, shared by `history_item` and `target_item`.
      category: rows of the category table, shared likewise.
      cross: rows by cross feature (`"behavior"` and the configured extras), in the order in which
        models stack them; `history_<name>` holds the ids. Empty: the log has no cross features.
    """

    item: int
    category: int
    cross: Mapping[str, int] = dataclasses.field(default_factory=lambda: MappingProxyType({}))
