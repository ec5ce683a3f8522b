"""Every feature name, once.

Raw `tf.Example`s, transformed examples and the batches that models read use the same names; what
changes is the values (ids of the log, then vocabulary ids) and the layout (ragged, then padded).
Shapes are those of the batch: **B** users, **T** targets, **L** behaviours, **M** matches.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np

from models.label_config import ONE_LABEL, LabelTasks

USER_ID = "user_id"

HISTORY_PREFIX = "history_"
TARGET_PREFIX = "target_"
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

TARGET_WEIGHT = "target_weight"  # [B, T], optional: how much a target counts; absent when serving

# Of the `eval` split only, [1] each: what reports slice by, and the simulator's true probability.
SLICE_HISTORY_LENGTH = "slice_history_length"
SLICE_USER_ACTIVITY = "slice_user_activity"
TARGET_ORACLE = "target_oracle"

# Of the split `items` only, whose examples hold a chunk of n items each: what is known of an item
# travels once, not with every behaviour. Features of items are `item_<name>`, [n]; those of several
# values [the sum of the lengths], with `item_<name>_length` [n]; vectors [n * dim].
ITEMS = "items"
ITEM_ID = "item_id"  # [n], as in `history_item`
ITEM_COUNT = "item_count"  # [n] int64, its rows before the validation split

# Of the batch only: what padding hides.
HISTORY_LENGTH = "history_length"  # [B]
TARGET_VALID = "target_valid"  # [B, T]

# Of the batch only, where items have features: the distinct items, and where each id is among them.
BATCH_ITEMS = "batch_items"  # [U], padded with 0
HISTORY_PLACE = "history_place"  # [B, L]
TARGET_PLACE = "target_place"  # [B, T]
OWN_ITEMS = "batch_own_items"  # [U], the items whose own rows these have, see `id_dropout`

# Of the batch only, where a model computes something once for all targets of a moment (`moments`).
MOMENT_OF_TARGET = "moment_of_target"  # [B, T], places in the next
MOMENT_TARGET = "moment_target"  # [B, M], a target of each moment

# Of the batch only, where a request tells of items that the table does not know (`new_items`).
TARGET_FRESH = "target_fresh"  # [B, T], which targets these are; features: `fresh_<name>`

# Names of the vocabularies, and of the assets that hold them.
ITEM = "item"
CATEGORY = "category"
BEHAVIOR = "behavior"

# Of an exported model: its signatures, and what both return.
SERVING_DEFAULT = "serving_default"
SCORE = "score"
SCORE_NEW_ITEMS = "score_new_items"  # as `score`, with features of the targets' items
PROBABILITY = "probability"  # [B, T]
LOGIT = "logit"  # [B, T], before calibration
CONTRACT = "everlong_model.json"  # beside it: what a service must know
FILES = "files"  # in it: the size of each other file
VALIDATION_SCORES = "validation_scores"  # in it: how the validation split's scores are spread

PADDING_ID = 0  # of every id feature; known values follow from 1, the last id is "unknown"


def history_feature(name: str) -> str:
    """Returns the feature name of the cross feature `name`: `"dwell"` -> `"history_dwell"`."""
    return HISTORY_PREFIX + name


def target_feature(name: str) -> str:
    """Returns the feature name of a target's context: `"tab"` -> `"target_tab"`, [B, T]."""
    return TARGET_PREFIX + name


def user_feature(name: str) -> str:
    """Returns the feature name of a user's feature: `"age"` -> `"user_age"`, [B, V], V values."""
    return "user_" + name


def item_feature(name: str) -> str:
    """Returns the feature name of an item's feature: `"author"` -> `"item_author"`."""
    return "item_" + name


def fresh_feature(name: str) -> str:
    """Returns the feature name of what a request tells of targets' items: [B * T, V]."""
    return "fresh_" + name


def length_of(feature: str) -> str:
    """Returns the feature name of the numbers of values: `"item_tags"` -> `"item_tags_length"`."""
    return feature + "_length"


def label_feature(name: str) -> str:
    """Returns the feature name of a label beside the primary one: `"like"` -> `"label_like"`."""
    return LABEL + "_" + name


def is_label(feature: str) -> bool:
    """Returns whether a feature of examples is a label, the primary one or another."""
    return feature == LABEL or feature.startswith(label_feature(""))


def probability(label: str) -> str:
    """Returns the output of a label beside the primary one: `"like"` -> `"probability_like"`."""
    return PROBABILITY + "_" + label


def logit(label: str) -> str:
    """Returns the output of a label beside the primary one: `"like"` -> `"logit_like"`."""
    return LOGIT + "_" + label


# How a served model holds the numbers of items' rows.
Store = Literal["float32", "bfloat16", "int8"]


class Embedded(NamedTuple):
    """A feature of an item or a user, whose values are rows of a table.

    Attributes:
      name: of the feature.
      table: that embeds it.
      rows: of the table: padding (0), known values, unknown, missing.
      width: of a row; None: as wide as the model's own.
      values: most values of one item or user.
      pooling: "mean" or "sum", what becomes of the rows of several values, of which there may be
        none; None: there is exactly one.
    """

    name: str
    table: str
    rows: int
    width: int | None = None
    values: int = 1
    pooling: str | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class ItemTable:
    """What is known of every item, by its id: R = padding, known items, and unknown (the last).

    Attributes:
      known: how many items, the first ones, have a row of their own in the item table.
      ids: [R, V] int32 by feature, padded with 0.
      vectors: [R, dim] float32 by feature, 0 where an item has none.
    """

    known: int
    ids: Mapping[str, np.ndarray]
    vectors: Mapping[str, np.ndarray]

    @property
    def rows(self) -> int:
        """R."""
        return len(next(iter([*self.ids.values(), *self.vectors.values()])))


@dataclasses.dataclass(frozen=True)
class FeatureSizes:
    """Rows of each embedding table: padding (id 0), the known values, and unknown (the last id).

    Attributes:
      item: rows of the item table, shared by `history_item` and `target_item`. Where items have
        features, ids go on beyond it: items without a row of their own have the last one.
      category: rows of the category table, shared likewise.
      cross: rows by cross feature (`"behavior"`, then those of events and context), in the order in
        which models stack them; `history_<name>` holds the ids. Empty: the log has none.
      cross_tables: the cross feature whose table another one shares, by name.
      context: the cross features that targets have as well, `target_<name>`.
      user: features of users, `user_<name>`.
      item_features: features of items, by `items`.
      items: what is known of every item; None: nothing but its id.
      labels: what the model predicts.
    """

    item: int
    category: int
    cross: Mapping[str, int] = dataclasses.field(default_factory=lambda: MappingProxyType({}))
    cross_tables: Mapping[str, str] = dataclasses.field(
        default_factory=lambda: MappingProxyType({})
    )
    context: tuple[str, ...] = ()
    user: tuple[Embedded, ...] = ()
    item_features: tuple[Embedded, ...] = ()
    items: ItemTable | None = None
    labels: LabelTasks = ONE_LABEL
