"""What targets are sliced by beyond the features of their examples."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow_transform as tft

from components.errors import InputError
from components.scoring.names import CATEGORY, ITEM_RANK, NOVELTY
from components.segments import power_of_two
from models import features

# By what the target's visible history holds.
NOVELTIES = ("item seen", "item unseen", "category unseen")
_CATEGORIES = 20  # most frequent ones that are slices of their own
OTHER = "other"


class Slicer:
    """The slicing columns of a block of examples.

    Args:
      names: `slice_item_rank` (power of two of the item's rank by frequency in training, 1 the most
        frequent; 0 for an item that training lacks), `slice_novelty` (one of `NOVELTIES`),
        `slice_category` (one of the 20 most frequent, or "other"), or features with one value.
      transform_graph: uri of Transform's graph, whose vocabularies are sorted by frequency.
      trained: how many items, the first of their vocabulary, have a training row; None: all. Where
        items have features, it holds those without one as well.
    """

    def __init__(self, names: Collection[str], transform_graph: str, trained: int | None = None):
        self._names = list(names)
        self._vocabularies = {}
        for slicing, vocabulary in ((ITEM_RANK, features.ITEM), (CATEGORY, features.CATEGORY)):
            if slicing in names:
                output = tft.TFTransformOutput(transform_graph)
                most = trained if slicing == ITEM_RANK else None
                self._vocabularies[slicing] = output.vocabulary_by_name(vocabulary)[:most]

    @property
    def reads(self) -> set[str]:
        """The features of the examples that `columns` needs."""
        histories = {features.HISTORY_ITEM, features.HISTORY_CATEGORY, features.TARGET_HIST_END}
        needed = {
            ITEM_RANK: {features.TARGET_ITEM},
            CATEGORY: {features.TARGET_CATEGORY},
            NOVELTY: histories | {features.TARGET_ITEM, features.TARGET_CATEGORY},
        }
        return set().union(*(needed.get(name, {name}) for name in self._names))

    def columns(self, examples: pa.RecordBatch) -> dict[str, pa.Array]:
        """The slicing columns [n] of examples with one target each, by name."""
        return {name: self._column(name, examples) for name in self._names}

    def _column(self, name: str, examples: pa.RecordBatch) -> pa.Array:
        if name == ITEM_RANK:
            return item_rank(single(examples, features.TARGET_ITEM), self._vocabularies[name])
        if name == CATEGORY:
            categories = single(examples, features.TARGET_CATEGORY)
            return frequent(categories, self._vocabularies[name][:_CATEGORIES])
        if name == NOVELTY:
            return novelty(examples)
        return as_text(single(examples, name))


def single(examples: pa.RecordBatch, name: str) -> pa.Array:
    """The single value of a feature in each example, [n].

    Raises:
      InputError: if the feature is not there, or has not one value everywhere.
    """
    if name not in examples.schema.names:
        raise InputError(
            f"The evaluated examples have no feature {name!r}. They have: "
            f"{sorted(examples.schema.names)}"
        )
    column = examples.column(name)
    values = column.flatten()
    if len(values) != examples.num_rows or column.null_count:
        raise InputError(
            f"`{name}` must have exactly one value in every evaluated example. Received: "
            f"{len(values)} values in {examples.num_rows} examples"
        )
    return values


def as_text(ids: pa.Array) -> pa.Array:
    """Bytes as text, anything else as it is."""
    binary = pa.types.is_binary(ids.type) or pa.types.is_large_binary(ids.type)
    return ids.cast(pa.string()) if binary else ids


def item_rank(items: pa.Array, vocabulary: Sequence[bytes]) -> pa.Array:
    """Power of two of each item's place in the vocabulary, from 1: [n] int64; 0 if it lacks it.

    Args:
      items: [n] ids.
      vocabulary: known ids as Transform writes them, the most frequent first.
    """
    place = pc.index_in(items, _like(items, vocabulary)).fill_null(-1)
    return pa.array(power_of_two(place.to_numpy().astype(np.int64) + 1))


def frequent(categories: pa.Array, kept: Sequence[bytes]) -> pa.Array:
    """The categories as text, [n]; those that are not `kept` as "other"."""
    known = pc.is_in(categories, _like(categories, kept))
    return pc.if_else(known, as_text(categories).cast(pa.string()), OTHER)


def novelty(examples: pa.RecordBatch) -> pa.Array:
    """Whether a target's item, or at least its category, is in its visible history: [n] text."""
    lengths = np.diff(examples.column(features.HISTORY_ITEM).offsets.to_numpy())
    target = np.repeat(np.arange(len(lengths)), lengths)
    position = np.arange(len(target)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    end = single(examples, features.TARGET_HIST_END).to_numpy()
    visible = position < end[target]

    def seen(history: str, wanted: str) -> np.ndarray:
        wanted_values = single(examples, wanted).take(pa.array(target))
        equal = pc.equal(examples.column(history).flatten(), wanted_values)
        found = equal.to_numpy(zero_copy_only=False) & visible
        return np.bincount(target[found], minlength=len(lengths)) > 0

    item = seen(features.HISTORY_ITEM, features.TARGET_ITEM)
    category = seen(features.HISTORY_CATEGORY, features.TARGET_CATEGORY)
    return pa.array(NOVELTIES).take(pa.array(np.where(item, 0, np.where(category, 1, 2))))


def _like(ids: pa.Array, vocabulary: Sequence[bytes]) -> pa.Array:
    if pa.types.is_integer(ids.type):
        return pa.array([int(value) for value in vocabulary], ids.type)
    return pa.array(vocabulary, ids.type)
