"""The split `items`: what is known of each item, once, in examples of many items each."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_example_gen.cells.columns import IdColumn
from components.behavior_example_gen.cells.features import looked_up
from components.behavior_example_gen.cells.parse import tidy, to_id
from components.behavior_example_gen.config.ingest_config import IngestConfig
from components.behavior_example_gen.cut.item_features import ItemFeatures
from components.behavior_example_gen.read.files import find_files
from components.behavior_example_gen.read.vectors import read_vectors
from components.behavior_example_gen.sources.tables import JoinedTables
from components.behavior_example_gen.write import example_proto
from components.behavior_example_gen.write.values import Values
from models import features
from models.feature_config import VectorFeature

_CHUNK = 4096  # items of an example


@dataclasses.dataclass(frozen=True)
class Items:
    """The items of a log, by rising id.

    Attributes:
      ids: [n].
      counts: [n] int64, training rows.
      values: by feature; a vector's `dim` numbers belong to one item.
      repeated: by feature that is a vector, how many rows of its file had a key that came before.
    """

    ids: pa.Array
    counts: np.ndarray
    values: Mapping[str, Values]
    repeated: collections.Counter[str]

    @classmethod
    def of(cls, rows: ItemFeatures | None, tables: JoinedTables, config: IngestConfig) -> Items:
        """Gathers every item that has a training row, or a row in a joined table of items.

        Args:
          rows: what the training rows say of items; None if there are none.
          tables: the joined ones of items.
          config: the configuration.
        """
        kind = pa.int64() if config.log.mapping.item.type == "int" else pa.binary()
        known = [table.keys for table in tables.tables.values()]
        if rows is not None:
            known.append(rows.counts["item"].combine_chunks())
        ids = pc.unique(pa.concat_arrays([pa.array([], kind), *known]))
        ids = ids.take(pc.sort_indices(ids))
        counts, columns = np.zeros(len(ids), np.int64), {}
        if rows is not None:
            place = pc.index_in(ids, rows.counts["item"].combine_chunks())
            total = rows.counts["count"].combine_chunks().take(place)
            counts = total.fill_null(0).to_numpy()
            columns = {name: rows.value(name, ids) for name in rows.last}
        for name, (table, values) in tables.features.items():
            columns[name] = looked_up(values, table.find(ids))
        repeated: collections.Counter[str] = collections.Counter()
        found = Values.of(columns, config)
        for name, feature in config.vectors.items():
            found[name], repeated[name] = _vectors(name, feature, ids, config)
        return cls(ids, counts, found, repeated)

    def encode(self, user: pa.Array) -> Iterator[bytes]:
        """Yields serialized `tf.train.Example`s of a chunk of items each.

        Args:
          user: [1], the id that stands in all of them, as every example has one.
        """
        for begin in range(0, len(self.ids), _CHUNK):
            end = min(begin + _CHUNK, len(self.ids))
            columns: dict[str, pa.Array | np.ndarray] = {
                features.USER_ID: user,
                features.ITEM_ID: self.ids[begin:end],
                features.ITEM_COUNT: self.counts[begin:end],
            }
            for name, values in self.values.items():
                feature, ends = features.item_feature(name), values.ends[begin : end + 1]
                columns[feature] = values.flat[ends[0] : ends[-1]]
                if values.several:
                    columns[features.length_of(feature)] = np.diff(ends)
            encoded = {name: example_proto.encode_column(c) for name, c in columns.items()}
            first = np.zeros(1, np.int64)
            yield from example_proto.examples(
                {name: c.slices(first, first + len(columns[name])) for name, c in encoded.items()}
            )


def alone(values: pa.Array) -> tuple[int, int]:
    """Returns how many values, binary, are of one item alone, and how many are not missing."""
    known = values.filter(pc.greater(pc.binary_length(values), 0))
    counted = pc.value_counts(known)
    return pc.sum(pc.equal(counted.field("counts"), 1)).as_py() or 0, len(known)


def _vectors(
    name: str, feature: VectorFeature, ids: pa.Array, config: IngestConfig
) -> tuple[Values, int]:
    """Finds the vector of each item, NaN where there is none, and counts repeated keys."""
    column = IdColumn(column=feature.key, type=config.log.mapping.item.type)
    vectors = np.full((len(ids), feature.dim), np.nan, np.float32)
    done, repeated = np.zeros(len(ids), bool), 0
    for file in find_files(config.log.folder, feature.file, f"features.{name}.file"):
        for keys, rows in read_vectors(file.path, name, feature):
            keys = to_id(tidy(keys, config.log.missing, config.log.trim), column).values
            place = pc.index_in(keys, ids, skip_nulls=True).fill_null(-1).to_numpy()
            row = np.flatnonzero(place >= 0)
            place, first = np.unique(place[row], return_index=True)
            new = ~done[place]
            vectors[place[new]] = rows[row[first]][new]
            done[place] = True
            repeated += len(row) - int(new.sum())
    ends = np.arange(len(ids) + 1) * feature.dim
    return Values(pa.array(vectors.ravel()), ends), repeated
