"""Tables of items and of users whose columns are joined to a log by their ids."""

from __future__ import annotations

import collections
import functools
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_example_gen.cells.columns import IdColumn
from components.behavior_example_gen.cells.features import ColumnFeature, to_feature
from components.behavior_example_gen.cells.parse import is_list, tidy, to_id
from components.behavior_example_gen.config.ingest_config import IngestConfig, Table, section
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read.file import read_table
from components.behavior_example_gen.sources.columns import Columns
from models.feature_config import NumberFeature


class JoinedTable:
    """One table, a row for each key: of equal keys, the first one counts.

    Args:
      config: the configuration.
      name: of the table, in `log.tables`.
      columns: of the table that are used.

    Attributes:
      keys: [n] ids, of the type that the log's have.
      cells: [n] each, by column, tidy.
      repeated: how many rows were left out, as their key came before.
      unreadable: how many numbers are missing because they are none, by feature that was read.

    Raises:
      LogError: if the table cannot be read, or has no row.
    """

    def __init__(self, config: IngestConfig, name: str, columns: Sequence[str]):
        self._name, self._config = name, config
        self._table = config.log.tables[name]
        key, names = self._table.key, list(dict.fromkeys([self._table.key, *columns]))
        folder = config.log.folder_of(self._table)
        where = self._table.files, self._table.csv, names, section(name), self._table.format
        read = read_table(folder, *where, optional=columns)
        kind = config.log.mapping.ids()[self._table.of].type
        keys = to_id(self._tidy(read[key]), IdColumn(column=key, type=kind)).values
        known = np.flatnonzero(keys.is_valid())
        codes = keys.take(pa.array(known)).dictionary_encode().indices.to_numpy()
        first = pa.array(known[np.sort(np.unique(codes, return_index=True)[1])])
        self.repeated = len(known) - len(first)
        self.unreadable: collections.Counter[str] = collections.Counter()
        self.keys = keys.take(first)
        self.cells = {name: self._tidy(read[name].take(first)) for name in columns}

    def find(self, ids: pa.Array) -> pa.Array:
        """Returns the place of each id among the keys, null where it is not there."""
        return pc.index_in(ids, self.keys)

    def feature(self, name: str, feature: ColumnFeature) -> pa.Array:
        """Reads a feature's column: [n], as `to_feature`.

        A number that is none is missing: the row is no event, to be dropped for it.

        Raises:
          LogError: naming a cell that cannot be read; a number, if there are more of these than
            `max_bad_row_share` of the rows.
        """
        where = f"`features.{name}`: in `log.tables.{self._name}` ({self._table.files}),"
        cells = self.cells[feature.column]
        if is_list(cells.type) and feature.type != "ids":
            raise LogError(
                f"{where} the column {feature.column!r} holds lists, which are several values. Set "
                f"`type: ids`, or write one value."
            )
        column = to_feature(cells, feature)
        for fault, rows in column.faults.items():
            if fault != "missing" and rows.any():
                count, most = int(rows.sum()), self._table.max_bad_row_share
                if most is None:
                    most = self._config.log.max_bad_row_share
                is_number = isinstance(feature, NumberFeature)
                if is_number and count <= most * len(rows):
                    self.unreadable[name] += count
                    continue
                row = int(np.flatnonzero(rows)[0])
                key = self.keys[row].as_py()
                way_out = "" if is_list(cells.type) else ", or list it in `log.missing`"
                if is_number:
                    share = f"log.tables.{self._name}.max_bad_row_share"
                    way_out += f", or allow more of them: `{share}` is {most}"
                raise LogError(
                    f"{where} {feature.column} of the {self._table.of} "
                    f"{key.decode() if isinstance(key, bytes) else key} is {fault}: "
                    f"{cells[row].as_py()!r}, one of {count:,} such in {len(rows):,} rows. Mend "
                    f"it{way_out}."
                )
        return column.values

    def _tidy(self, cells: pa.Array) -> pa.Array:
        return tidy(cells, self._config.log.missing, self._config.log.trim)


class JoinedTables:
    """The tables of `log.tables`, read into memory.

    Args:
      config: the configuration.
      columns: where the used columns are.
      of: whose tables; all of them by default.

    Attributes:
      tables: by name.
    """

    def __init__(
        self, config: IngestConfig, columns: Columns, of: Sequence[str] = ("item", "user")
    ):
        self._config, self._columns = config, columns
        self.tables = {
            name: JoinedTable(config, name, of_table)
            for name, of_table in columns.joined.items()
            if config.log.tables[name].of in of
        }

    def join(
        self, cells: pa.RecordBatch, table: Table = "log"
    ) -> tuple[pa.RecordBatch, collections.Counter[str]]:
        """Adds the columns that rows need to rows of a table of events, null where no key is.

        Features of items and users are not among them: they are looked up once for each.

        Returns:
          The rows, and by joined table the number of those whose item or user it knows.
        """
        known: collections.Counter[str] = collections.Counter()
        needed = self._config.needed_columns(table)
        for name, joined in self.tables.items():
            id_column = self._config.mapping(table).ids()[self._config.log.tables[name].of]
            ids = to_id(self._tidy(cells[id_column.column]), id_column).values
            place = joined.find(ids)
            known[name] = len(place) - place.null_count
            for column in self._columns.joined[name]:
                if column in needed:
                    cells = cells.append_column(column, joined.cells[column].take(place))
        return cells, known

    @functools.cached_property
    def features(self) -> dict[str, tuple[JoinedTable, pa.Array]]:
        """By feature, the table that holds it, and its values there, as `to_feature`."""
        return {
            name: (table, table.feature(name, feature))
            for name, feature in self._config.column_features().items()
            for holder, table in self.tables.items()
            if feature.column in self._columns.joined[holder]
            and feature.of == self._config.log.tables[holder].of
        }

    def _tidy(self, cells: pa.Array) -> pa.Array:
        return tidy(cells, self._config.log.missing, self._config.log.trim)
