"""The builder that all logs share; subclass it for a log of your own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow_datasets as tfds
from etils import epath

from components.behavior_example_gen.cells.parse import Column, to_float, to_int
from components.behavior_example_gen.config.log_config import CsvConfig
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read.block import Block
from components.behavior_example_gen.read.file import read_file
from components.behavior_example_gen.read.files import find_files
from components.behavior_example_gen.tables import one_batch

MISSING = -1  # an empty cell of a column of integers
_READ: Mapping[type, Callable[[pa.Array], Column]] = {np.int64: to_int, np.float32: to_float}


@dataclasses.dataclass(frozen=True)
class Joined:
    """A table of items or users, whose columns every event of an `EventLog` gets.

    Attributes:
      files: name or glob of its files in `manual_dir`.
      key: column of integers that the log has, too; of equal keys, the first row counts.
      columns: those that are joined, as `EventLog.COLUMNS`; missing where no row has the key.
      csv: how text files are cut.
    """

    files: str
    key: str
    columns: Mapping[str, type]
    csv: CsvConfig = dataclasses.field(default_factory=CsvConfig)


# TFDS, which takes the argument, is without types.
class EventLog(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """A log of events in files that a user has to fetch by hand, in the order of the files.

    An example is a run of up to `RUN` adjacent events, each feature the array of a column: TFDS
    writes and reads an example in Python, which for every event of a log of 10^8 would take hours.

    Class attributes:
      FILES: name or glob of the files in `manual_dir`, CSV (also *.gz) or Parquet.
      CSV: how text files are cut.
      COLUMNS: np.int64, np.float32 or str by name of the column of these files; an empty cell is
        -1, NaN or "".
      JOINED: tables whose columns are joined.
      RUN: most events of an example.

    Example:
      ```python
      class ShopLog(EventLog):
          VERSION = tfds.core.Version("1.0.0")
          MANUAL_DOWNLOAD_INSTRUCTIONS = "Put the shop's export, day-*.csv, into manual_dir."
          FILES = "day-*.csv"
          COLUMNS = {"user": np.int64, "item": np.int64, "time": np.int64, "action": str}
          JOINED = [Joined(files="items.csv", key="item", columns={"price": np.float32})]
      ```
    """

    FILES: ClassVar[str]
    CSV: ClassVar[CsvConfig] = CsvConfig()
    COLUMNS: ClassVar[Mapping[str, type]]
    JOINED: ClassVar[Sequence[Joined]] = ()
    RUN: ClassVar[int] = 1 << 16
    HOMEPAGE: ClassVar[str] = ""

    # TFDS 4.9.10 looks this up by importlib_resources, which it uses, but does not install.
    code_path = epath.Path(__file__)

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            name: tfds.features.Tensor(shape=(None,), dtype=np.str_ if kind is str else kind)
            for name, kind in self.columns.items()
        }
        return tfds.core.DatasetInfo(
            builder=self,
            description=(self.__doc__ or "").strip(),
            features=tfds.features.FeaturesDict(features),
            homepage=self.HOMEPAGE or None,
            disable_shuffling=True,  # keeps the order of the log
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        return {"train": self._generate_examples(str(dl_manager.manual_dir))}

    def _generate_examples(self, folder: str) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        key, joined = 0, [(table, self._read(folder, table)) for table in self.JOINED]
        for table in self.tables(folder):
            for further, rows in joined:
                table = _join(table, further, rows)
            for begin in range(0, table.num_rows, self.RUN):
                run = table.slice(begin, self.RUN)
                yield key, {name: _to_numpy(run[name]) for name in self.columns}
                key += 1

    @property
    def columns(self) -> dict[str, type]:
        """All columns, the joined ones last."""
        return dict(self.COLUMNS) | {
            n: k for table in self.JOINED for n, k in table.columns.items()
        }

    def tables(self, folder: str) -> Iterator[pa.RecordBatch]:
        """Yields the rows of the log, with all `COLUMNS`; nothing is joined yet."""
        for block in self.blocks(folder, self.FILES, self.CSV, list(self.COLUMNS)):
            yield typed(block, self.COLUMNS)

    def _read(self, folder: str, table: Joined) -> pa.RecordBatch:
        columns: dict[str, type] = {table.key: np.int64, **table.columns}
        blocks = self.blocks(folder, table.files, table.csv, list(columns))
        return one_batch(pa.Table.from_batches([typed(block, columns) for block in blocks]))

    def blocks(
        self, folder: str, files: str, csv: CsvConfig, columns: list[str]
    ) -> Iterator[Block]:
        """Reads files of `manual_dir`.

        Raises:
          LogError: if there is no file, or a row cannot be cut into columns: a dataset must lose no
            row.
        """
        try:
            found = find_files(folder, files)
        except LogError as fault:
            raise LogError(f"{fault} {self.MANUAL_DOWNLOAD_INSTRUCTIONS}") from None
        for part, file in enumerate(found):
            for block in read_file(file.path, part, "auto", csv, columns):
                for row in block.rejected[:1]:
                    raise LogError(
                        f"{block.origin}, row {row.number}: {row.reason}: {row.text!r}. Fetch the "
                        f"file again: {self.MANUAL_DOWNLOAD_INSTRUCTIONS}"
                    )
                yield block


def typed(block: Block, columns: Mapping[str, type]) -> pa.RecordBatch:
    """Reads the columns that are numbers.

    Raises:
      LogError: naming the file and the row of a cell that is none.
    """
    cells = {}
    for name in block.batch.schema.names:
        column = block.batch[name]
        if (read_as := _READ.get(columns[name])) is not None:
            read = read_as(column)
            for fault, rows in read.faults.items():
                if fault != "missing" and rows.any():
                    row = int(np.flatnonzero(rows)[0])
                    raise LogError(
                        f"{block.origin}, row {block.numbers()[row]}: {name} is {fault}: "
                        f"{column[row].as_py()!r}"
                    )
            column = read.values
        cells[name] = column
    return pa.RecordBatch.from_pydict(cells)


def _join(rows: pa.RecordBatch, table: Joined, joined: pa.RecordBatch) -> pa.RecordBatch:
    place = pc.index_in(rows[table.key], joined[table.key], skip_nulls=True)
    for name in table.columns:
        rows = rows.append_column(name, joined[name].take(place))
    return rows


def _to_numpy(column: pa.Array) -> np.ndarray:
    if pa.types.is_integer(column.type):
        return column.fill_null(MISSING).to_numpy()
    if pa.types.is_floating(column.type):
        return column.fill_null(np.nan).to_numpy().astype(np.float32)
    return np.array(column.fill_null("").to_pylist(), object)
