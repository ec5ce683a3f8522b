"""The builder that all logs share; subclass it for a log of your own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import tensorflow_datasets as tfds
from etils import epath

from components.behavior_example_gen.cells.parse import to_int
from components.behavior_example_gen.config.log_config import CsvConfig
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read.block import Block
from components.behavior_example_gen.read.file import read_file
from components.behavior_example_gen.read.files import find_files

MISSING = -1  # an empty cell of a column of integers


# TFDS, which takes the argument, is without types.
class EventLog(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """A log of events in files that a user has to fetch by hand, in the order of the files.

    An example is a run of up to `RUN` adjacent events, each feature the array of a column: TFDS
    writes and reads an example in Python, which for every event of a log of 10^8 would take hours.

    Class attributes:
      FILES: name or glob of the files in `manual_dir`, CSV (also *.gz) or Parquet.
      CSV: how text files are cut.
      COLUMNS: np.int64 or str by name of the column; an empty integer becomes -1.
      RUN: most events of an example.

    Example:
      ```python
      class ShopLog(EventLog):
          VERSION = tfds.core.Version("1.0.0")
          MANUAL_DOWNLOAD_INSTRUCTIONS = "Put the shop's export, day-*.csv, into manual_dir."
          FILES = "day-*.csv"
          COLUMNS = {"user": np.int64, "item": np.int64, "time": np.int64, "action": str}
      ```
    """

    FILES: ClassVar[str]
    CSV: ClassVar[CsvConfig] = CsvConfig()
    COLUMNS: ClassVar[Mapping[str, type]]
    RUN: ClassVar[int] = 1 << 16
    HOMEPAGE: ClassVar[str] = ""

    # TFDS 4.9.10 looks this up by importlib_resources, which it uses, but does not install.
    code_path = epath.Path(__file__)

    def _info(self) -> tfds.core.DatasetInfo:
        kinds = {np.int64: np.int64, str: np.str_}
        features = {
            name: tfds.features.Tensor(shape=(None,), dtype=kinds[kind])
            for name, kind in self.COLUMNS.items()
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
        key = 0
        for table in self.tables(folder):
            for begin in range(0, table.num_rows, self.RUN):
                run = table.slice(begin, self.RUN)
                yield key, {name: _to_numpy(run[name]) for name in self.COLUMNS}
                key += 1

    def tables(self, folder: str) -> Iterator[pa.RecordBatch]:
        """Yields the rows of the log, with all `COLUMNS`."""
        for block in self.blocks(folder, self.FILES, self.CSV, list(self.COLUMNS)):
            yield typed(block, self.COLUMNS)

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
    """Reads the columns that are integers.

    Raises:
      LogError: naming the file and the row of a cell that is none.
    """
    cells = {}
    for name in block.batch.schema.names:
        column = block.batch[name]
        if columns[name] is np.int64:
            read = to_int(column)
            for fault, rows in read.faults.items():
                if fault != "missing" and rows.any():
                    row = int(np.flatnonzero(rows)[0])
                    raise LogError(
                        f"{block.origin}, row {block.numbers()[row]}: {name} is {fault}: "
                        f"{column[row].as_py()!r}"
                    )
            column = read.values.fill_null(MISSING)
        cells[name] = column
    return pa.RecordBatch.from_pydict(cells)


def _to_numpy(column: pa.Array) -> np.ndarray:
    if pa.types.is_integer(column.type):
        return column.to_numpy()
    return np.array(column.fill_null("").to_pylist(), object)
