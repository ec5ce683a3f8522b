"""Values of features of users and items: one for each, or several."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from components.behavior_example_gen.cells.features import cut_ids, is_missing
from components.behavior_example_gen.config.ingest_config import IngestConfig
from components.behavior_example_gen.write import example_proto
from models.feature_config import IdsFeature


@dataclasses.dataclass(frozen=True)
class Values:
    """A feature of n users or items.

    Attributes:
      flat: all values, one owner's after the other.
      ends: [n + 1] int64, where those of each owner begin and end.
      several: whether an owner may have another number than one.
    """

    flat: pa.Array
    ends: np.ndarray
    several: bool = False

    @property
    def known(self) -> np.ndarray:
        """Which owners have a value: [n] bool."""
        known = np.diff(self.ends) > 0
        first = self.flat.take(pa.array(self.ends[:-1][known]))
        known[known] = ~is_missing(first)
        return known

    @classmethod
    def of(cls, columns: Mapping[str, pa.Array], config: IngestConfig) -> dict[str, Values]:
        """Cuts the values of `ids`, and takes the others as they are, by feature."""
        found = {}
        for name, column in columns.items():
            feature = config.features[name]
            if isinstance(feature, IdsFeature):
                flat, sizes = cut_ids(column, feature, config.log.missing, config.log.trim)
                found[name] = cls(flat, np.append(0, np.cumsum(sizes)), several=True)
            else:
                found[name] = cls(column, np.arange(len(column) + 1))
        return found


class EncodedValues:
    """Values in the bytes that they have in an example."""

    def __init__(self, values: Values):
        self._encoded, self._ends = example_proto.encode_column(values.flat), values.ends

    def slices(self, begin: np.ndarray, end: np.ndarray) -> Iterator[bytes]:
        """Yields the `Feature` of the owners in each of some slices, begin and end [e]."""
        return self._encoded.slices(self._ends[begin], self._ends[end])
