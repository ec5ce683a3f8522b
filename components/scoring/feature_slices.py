"""What targets are sliced by of the configured features: a value of few, or a range of numbers."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.scoring.slices import OTHER, as_text, single
from models import features as names
from models import local_time
from models.feature_config import Feature, NumberFeature, TimeFeature

MISSING = "missing"
_MOST = 20  # values, or boundaries, that make slices of their own
_QUANTILES = 10  # where a feature has no boundaries, or too many

# Values that are slices of their own, or boundaries of ranges.
Cut = Sequence[bytes] | Sequence[float]


@dataclasses.dataclass(frozen=True)
class FeatureSlices:
    """What workers must know to slice by configured features.

    Attributes:
      features: by name; of items, users or context, with one value each.
      items: files of the split `items`; empty if none is of items.
      cuts: by name, as `cuts` returns them.
    """

    features: Mapping[str, Feature] = dataclasses.field(default_factory=dict)
    items: Sequence[str] = ()
    cuts: Mapping[str, Cut] = dataclasses.field(default_factory=dict)


class FeatureSlicer:
    """The slicing columns of a block of examples.

    Args:
      sliced: the features.
      items: columns `item_id` and `item_<name>` of what is known of items.
    """

    def __init__(self, sliced: FeatureSlices, items: pa.Table | None):
        self._sliced = sliced
        self._items = None if items is None else items.combine_chunks()

    @property
    def reads(self) -> set[str]:
        """The features of the examples that `values` and `columns` need."""
        return {_column(name, feature) for name, feature in self._sliced.features.items()}

    def values(self, examples: pa.RecordBatch) -> pa.RecordBatch:
        """The raw values [n] of examples with one target each, by name; see `cuts`."""
        return pa.RecordBatch.from_pydict(
            {name: self._values(name, f, examples) for name, f in self._sliced.features.items()}
        )

    def columns(self, examples: pa.RecordBatch) -> dict[str, pa.Array]:
        """The slicing columns [n] of examples with one target each, by name."""
        found = self.values(examples)
        return {
            name: _slices(feature, found.column(name), self._sliced.cuts[name])
            for name, feature in self._sliced.features.items()
        }

    def _values(self, name: str, feature: Feature, examples: pa.RecordBatch) -> pa.Array:
        values = single(examples, _column(name, feature))
        if isinstance(feature, TimeFeature):
            shown = getattr(local_time, feature.as_)
            return pa.array(shown(values.to_numpy(), feature.timezone).numpy())
        if feature.of != "item":
            return values
        assert self._items is not None, "a feature is of items"
        known = self._items[names.item_feature(name)].combine_chunks()
        place = pc.index_in(values, self._items[names.ITEM_ID].combine_chunks())
        nothing = float("nan") if pa.types.is_floating(known.type) else b""
        return known.take(place).fill_null(pa.scalar(nothing, known.type))


def item_columns(features: Mapping[str, Feature]) -> list[str]:
    """The features of the split `items` that are needed to slice by these; empty if none is."""
    found = [names.item_feature(name) for name, f in features.items() if f.of == "item"]
    return [names.ITEM_ID, *found] if found else []


def cuts(features: Mapping[str, Feature], values: Iterable[pa.RecordBatch]) -> dict[str, Cut]:
    """Chooses what is a slice of its own.

    Args:
      features: by name.
      values: `FeatureSlicer.values` of all eval examples.

    Returns:
      Of numbers the boundaries of ranges: those of the feature, or deciles where it has none or
      more than 20; of others the 20 most frequent values.
    """
    blocks = list(values)
    table = pa.Table.from_batches(blocks) if blocks else pa.table({name: [] for name in features})
    found: dict[str, Cut] = {}
    for name, feature in features.items():
        column = table[name].combine_chunks()
        if isinstance(feature, NumberFeature):
            found[name] = _boundaries(feature, column.to_numpy(zero_copy_only=False))
        elif not isinstance(feature, TimeFeature):
            counts = pc.value_counts(column).to_pylist()
            known = [(-one["counts"], one["values"]) for one in counts if one["values"] != b""]
            found[name] = [value for _, value in sorted(known)[:_MOST]]
        else:
            found[name] = []
    return found


def _column(name: str, feature: Feature) -> str:
    """The feature of an eval example that tells a target's value."""
    if isinstance(feature, TimeFeature):
        return names.TARGET_TIME
    if feature.of == "item":
        return names.TARGET_ITEM
    return names.user_feature(name) if feature.of == "user" else names.target_feature(name)


def _boundaries(feature: NumberFeature, values: np.ndarray) -> list[float]:
    if feature.boundaries is not None and len(feature.boundaries) <= _MOST:
        return feature.boundaries
    values = values[~np.isnan(values)]
    if not len(values):
        return []
    quantiles = np.quantile(values, np.arange(1, _QUANTILES) / _QUANTILES)
    return sorted({float(f"{value:.4g}") for value in quantiles})


def _slices(feature: Feature, values: pa.Array, cut: Cut) -> pa.Array:
    if isinstance(feature, TimeFeature):
        return values
    if isinstance(feature, NumberFeature):
        return _ranges(values.to_numpy(), [float(boundary) for boundary in cut])
    place = pc.index_in(values, pa.array(cut, values.type)).fill_null(len(cut)).to_numpy()
    missing = pc.equal(values, b"").to_numpy(zero_copy_only=False)
    words = as_text(pa.array(cut, values.type)).to_pylist()
    return pa.array([*words, OTHER, MISSING]).take(
        pa.array(np.where(missing, len(words) + 1, place))
    )


def _ranges(values: np.ndarray, boundaries: Sequence[float]) -> pa.Array:
    """The range of each number in words; a number on a boundary belongs to the range above."""
    told = [f"{boundary:.12g}" for boundary in boundaries]
    words = [f"{low} to {high}" for low, high in itertools.pairwise(told)]
    words = [f"below {told[0]}", *words, f"{told[-1]} and more"] if told else ["any"]
    place = np.searchsorted(np.asarray(boundaries, np.float32), values, side="right")
    place[np.isnan(values)] = len(words)
    return pa.array([*words, MISSING]).take(pa.array(place))
