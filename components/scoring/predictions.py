"""The table of scored targets: what the metrics, the gate, the report and its readers share.

Columns: `user`, `item`, `category` (ids as in the log), `time`, `request` (equal within a user for
what was shown together), `label`, `score`, `frozen_score` (with the user's history as it stood at
the first of its targets; only where metrics within users need it, see `models.lists`), both again
as `baseline_…` (only if there was a baseline), `weight` (only if targets are weighted),
`target_oracle` (only of simulated logs), and the slicing features by their names. Of every label
beside the primary one, `label_<name>` (NaN where it is not known) and `score_<name>` and the others
likewise. One row for each target of the eval split, sorted by user, time and
item.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from tfx.dsl.io import fileio

from components.artifact_file import parsed
from components.errors import InputError
from components.scoring.names import BASELINE_FROZEN, BASELINE_SCORE, FROZEN, SCORE
from models.metrics import Predictions

FILE_NAME = "predictions.parquet"
USER, ITEM, CATEGORY, TIME, LABEL = "user", "item", "category", "time", "label"
REQUEST = "request"
WEIGHT = "weight"


def write(batches: Sequence[pa.RecordBatch], folder: str) -> None:
    """Writes the table into `folder`, whole or not at all.

    Raises:
      InputError: if there is no row.
    """
    if not sum(batch.num_rows for batch in batches):
        raise InputError("The eval split holds no example; see `split` of the configuration.")
    table = pa.Table.from_batches(batches)
    table = table.sort_by([(USER, "ascending"), (TIME, "ascending"), (ITEM, "ascending")])
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd")
    path = os.path.join(folder, FILE_NAME)
    fileio.makedirs(folder)
    with fileio.open(f"{path}.partial", "wb") as file:
        file.write(buffer.getvalue().to_pybytes())
    fileio.rename(f"{path}.partial", path, overwrite=True)


def read(folder: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Reads the table, or some of its columns, from the Evaluator's `evaluation` folder.

    Raises:
      InputError: if it is gone or damaged.
    """
    # After `pq.read_table`, a process that ends at once is aborted: its threads outlive it.
    return parsed(
        os.path.join(folder, FILE_NAME),
        lambda content: pq.ParquetFile(pa.BufferReader(content)).read(columns),
    )


def of_label(column: str, label: str) -> str:
    """The column of a label beside the primary one: `"score"` -> `"score_like"`."""
    return f"{column}_{label}"


def labels(names: Sequence[str]) -> list[str]:
    """The labels beside the primary one that the candidate was scored for, of a table's columns."""
    prefix = of_label(SCORE, "")
    found = (name.removeprefix(prefix) for name in names if name.startswith(prefix))
    return [name for name in found if of_label(LABEL, name) in names]


def for_label(table: pa.Table, label: str) -> pa.Table:
    """The targets of which a label is known, it and its scores in place of the primary one's."""
    table = table.filter(pc.is_finite(table[of_label(LABEL, label)]))
    for name in (LABEL, SCORE, FROZEN, BASELINE_SCORE, BASELINE_FROZEN):
        own = of_label(name, label)
        if name in table.column_names:
            place = table.column_names.index(name)
            table = table.drop_columns([name])
            if own in table.column_names:
                table = table.add_column(place, name, table[own])
    return table


def of_model(
    table: pa.Table | pa.RecordBatch, baseline: bool = False, suffix: str = ""
) -> Predictions:
    """The scores of the candidate, or of the baseline, as metrics read them.

    Args:
      table: rows of the table.
      baseline: which.
      suffix: of the columns of scores.
    """
    score, frozen = (BASELINE_SCORE, BASELINE_FROZEN) if baseline else (SCORE, FROZEN)

    def column(name: str) -> np.ndarray:
        return table.column(name).to_numpy(zero_copy_only=False)

    return Predictions(
        column(LABEL),
        column(score + suffix),
        column(USER),
        column(REQUEST),
        column(frozen + suffix) if frozen + suffix in table.schema.names else None,
        column(WEIGHT) if WEIGHT in table.schema.names else None,
    )
