"""Reads a log as cleaned rows, be it in files or simulated."""

from __future__ import annotations

import collections
import dataclasses
import functools
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_example_gen.clean import RAGGED, clean
from components.behavior_example_gen.columns import IdColumn
from components.behavior_example_gen.config import IngestConfig, ItemsConfig
from components.behavior_example_gen.counts import Counts
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.parse import to_id
from components.behavior_example_gen.sources import find_files, read_blocks
from components.simulator.simulator import simulate

_USERS = 64  # simulated at a time
_ROWS_OF_A_SOURCE = 1 << 40  # more than any file has


@dataclasses.dataclass(frozen=True)
class Source:
    """A part of a log that one worker reads.

    Attributes:
      number: its place in the log.
      size: estimate of its size in memory, in bytes.
      path: the file, or
      users: the simulated users.
    """

    number: int
    size: int
    path: str = ""
    users: range = range(0)


def list_sources(config: IngestConfig) -> list[Source]:
    """Returns the parts of a log, in their order.

    Raises:
      LogError: if there is no such file.
    """
    log = config.log
    if log.simulator is not None:
        size = 64 * (log.simulator.median_history + log.simulator.targets_per_user)
        starts = range(0, log.simulator.users, _USERS)
        parts = [range(start, min(start + _USERS, log.simulator.users)) for start in starts]
        return [Source(i, size * len(users), users=users) for i, users in enumerate(parts)]
    return [
        Source(number, file.size_in_bytes * _unpacked(file.path), path=file.path)
        for number, file in enumerate(find_files(log.folder, log.files))
    ]


class LogReader:
    """Reads parts of a log."""

    def __init__(self, config: IngestConfig):
        self._config = config

    def read(self, source: Source) -> Iterator[tuple[pa.RecordBatch, Counts]]:
        """Yields blocks of rows as `clean` returns them, with what became of all their rows.

        Raises:
          LogError: if a file cannot be read to its end, or lacks a column.
        """
        first = source.number * _ROWS_OF_A_SOURCE
        by_log = self._config.history.ties == "order"
        for cells, number, ragged in self._cells(source):
            sequence = first + number + np.arange(cells.num_rows) if by_log else None
            try:
                rows, dropped = clean(cells, self._config, sequence)
            except pa.ArrowException as fault:
                raise LogError(
                    f"{source.path}: a column has a type that cannot be used: {fault}. Write it "
                    f"as numbers, text or times."
                ) from fault
            dropped += collections.Counter({RAGGED: ragged})
            yield rows, Counts(cells.num_rows + ragged, rows.num_rows, dropped=dropped)

    def _cells(self, source: Source) -> Iterator[tuple[pa.RecordBatch, int, int]]:
        log = self._config.log
        if log.simulator is not None:
            table = simulate(log.simulator, source.users).combine_chunks()
            yield from ((batch, 0, 0) for batch in table.to_batches())
            return
        joined = log.items.columns if log.items else []
        columns = [name for name in self._config.used_columns() if name not in joined]
        for block in read_blocks(source.path, log.format, log.csv, columns):
            cells = block.rows
            if log.items:
                cells = self._items.join(cells)
            yield cells, block.first, block.ragged

    @functools.cached_property
    def _items(self) -> ItemTable:
        return ItemTable(
            self._config.log.folder, self._config.log.items, self._config.log.mapping.item
        )


class ItemTable:
    """A table of items to be joined to the rows of a log; of equal keys, the first one counts."""

    def __init__(self, folder: str, config: ItemsConfig, item: IdColumn):
        self._item, self._columns = item, config.columns
        key = IdColumn(column=config.key, type=item.type)
        names = list(dict.fromkeys([config.key, *config.columns]))
        blocks = [
            block.rows
            for file in find_files(folder, config.files)
            for block in read_blocks(file.path, "auto", config.csv, names)
        ]
        table = pa.Table.from_batches(blocks).combine_chunks()
        if not table.num_rows:
            raise LogError(f"`log.items.files` ({config.files}) holds no row.")
        self._table = table.select(config.columns).to_batches()[0]
        self._keys = to_id(table.to_batches()[0][config.key], key).values

    def join(self, cells: pa.RecordBatch) -> pa.RecordBatch:
        """Adds the columns to rows of the log; null where the item is unknown."""
        place = pc.index_in(to_id(cells[self._item.column], self._item).values, self._keys)
        for name in self._columns:
            cells = cells.append_column(name, self._table[name].take(place))
        return cells


def _unpacked(path: str) -> int:
    if path.endswith(".gz"):
        return 6
    return 4 if path.endswith((".parquet", ".pq")) else 1
