"""The table of items whose columns are joined to the rows of a log."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_example_gen.cells.columns import IdColumn
from components.behavior_example_gen.cells.parse import tidy, to_id
from components.behavior_example_gen.config.ingest_config import IngestConfig, Table
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read.file import read_table


class ItemTable:
    """Joins columns by item; of equal keys in the table, the first one counts.

    Args:
      config: with `log.items`.

    Raises:
      LogError: if the table cannot be read, or has no row.
    """

    def __init__(self, config: IngestConfig):
        items, self._config = config.log.items, config
        assert items is not None, "there is a table to join"
        names = list(dict.fromkeys([items.key, *items.columns]))
        table = read_table(config.log.folder, items.files, items.csv, names)
        if not table.num_rows:
            raise LogError(f"`log.items.files` ({items.files}) holds no row.")
        self._columns = {name: table[name] for name in items.columns}
        key = IdColumn(column=items.key, type=config.log.mapping.item.type)
        self._keys = to_id(self._tidy(table[items.key]), key).values

    def join(self, cells: pa.RecordBatch, table: Table = "log") -> tuple[pa.RecordBatch, int]:
        """Adds the columns to rows of a table, null where the item is unknown.

        Returns:
          The rows, and the number of those whose item is known.
        """
        item = self._config.mapping(table).item
        place = pc.index_in(to_id(self._tidy(cells[item.column]), item).values, self._keys)
        for name, values in self._columns.items():
            cells = cells.append_column(name, values.take(place))
        return cells, len(place) - place.null_count

    def _tidy(self, cells: pa.Array) -> pa.Array:
        return tidy(cells, self._config.log.missing, self._config.log.trim)
