"""Rows on their way from the log to their shard: through files, not through the runner's memory.

A runner that groups rows holds them: the in-memory one all of them, others at the price of a
network shuffle. Here a worker sorts what it has read by shard and writes it as one file; what the
runner groups are the ranges of that file, some 100 bytes each. A file gets a name of its own and is
complete before its ranges are handed on, so the file of an attempt that failed is never read.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from components.behavior_example_gen.hashing import combine, id_hash
from components.behavior_example_gen.tables import one_batch

_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")
_BINARY = "application/octet-stream"


class Piece(NamedTuple):
    """A range of bytes of a file: some rows of one shard, as an Arrow stream."""

    path: str
    offset: int
    size: int


def shard_of(users: pa.Array, shards: int) -> np.ndarray:
    """Returns [n] uint16: the shard of each user, the same for all of their rows."""
    return (combine(id_hash(users)) % np.uint64(shards)).astype(np.uint16)


def spill(
    batches: Sequence[pa.RecordBatch], shards: int, folder: str
) -> Iterator[tuple[int, Piece]]:
    """Writes rows to a file of their own, sorted by shard.

    Args:
      batches: rows with a column `user`.
      shards: number of shards, at most 65,536.
      folder: where to write, on a file system that all workers share.

    Yields:
      Shards and the piece of each.
    """
    batch = one_batch(pa.Table.from_batches(batches))
    if not batch.num_rows:
        return
    shard = shard_of(batch["user"], shards)
    order = np.argsort(shard, kind="stable")  # of 16 bits: a radix sort
    ends = np.cumsum(np.bincount(shard, minlength=shards))
    batch = batch.take(pa.array(order))
    path = FileSystems.join(folder, f"rows-{uuid.uuid4().hex}.arrow")
    pieces, offset = [], 0
    with FileSystems.create(path, _BINARY, CompressionTypes.UNCOMPRESSED) as file:
        for number in np.flatnonzero(np.diff(ends, prepend=0)).tolist():
            begin = ends[number - 1] if number else 0
            data = _pack(batch.slice(begin, ends[number] - begin))
            file.write(data)
            pieces.append((number, Piece(path, offset, len(data))))
            offset += len(data)
    yield from pieces


def gather(pieces: Iterable[Piece]) -> pa.RecordBatch:
    """Reads the rows of some pieces of one shard, at least one."""
    tables = []
    for path, offset, size in sorted(pieces):
        with FileSystems.open(path, _BINARY, CompressionTypes.UNCOMPRESSED) as file:
            file.seek(offset)
            tables.append(pa.ipc.open_stream(file.read(size)).read_all())
    return one_batch(pa.concat_tables(tables))


def _pack(rows: pa.RecordBatch) -> memoryview:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema, options=_OPTIONS) as writer:
        writer.write_batch(rows)
    return memoryview(sink.getvalue())
