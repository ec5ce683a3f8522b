"""Tables of Arrow in one piece."""

from __future__ import annotations

import pyarrow as pa

from components.behavior_example_gen.errors import LogError


def one_batch(table: pa.Table) -> pa.RecordBatch:
    """Puts all rows of a table into one batch.

    Raises:
      LogError: if the texts of a column take more than 2 GiB, the most that a batch can hold.
    """
    batches = table.combine_chunks().to_batches()
    if len(batches) > 1:
        raise LogError(
            f"{table.num_rows:,} rows that must be in memory together have a column with more than "
            f"2 GiB of text. Raise `log.shards`, or read ids with `type: int`."
        )
    return batches[0] if batches else pa.RecordBatch.from_pylist([], table.schema)
