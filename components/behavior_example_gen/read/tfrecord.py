"""Reads TFRecord files of events, one `tf.train.Example` each, decoded in C++ many at a time."""

from __future__ import annotations

import struct
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read.block import Block
from components.behavior_example_gen.read.files import check_columns
from components.behavior_example_gen.read.packing import open_unpacked
from components.behavior_example_gen.record_checksum import checksum

_BLOCK_ROWS = 1 << 16
_HEADER = struct.Struct("<QI")  # length of the record, masked CRC of the length
_FOOTER = struct.Struct("<I")  # masked CRC of the record
_LONGEST = 1 << 28  # bytes; no event is as long


def tfrecord_blocks(
    path: str,
    part: int,
    columns: Sequence[str],
    given: Mapping[str, object],
    section: str,
    optional: Container[str] = (),
) -> Iterator[Block]:
    """Reads the features of one file of examples, in the order of the file.

    A feature has one value, or none: a missing cell. One of `given` is read only if the first
    examples have it; one of `optional` may be nowhere in the file. `section` is the dotted key of
    the table, for messages.

    Raises:
      LogError: if a record is damaged or no example, a feature is nowhere in the file, or holds
        several values.
    """
    first, seen, own = 1, set(), list(columns)
    for records in _batches(path):
        decoded = _decoded(path, records, first)
        seen |= set(decoded.schema.names)
        if first == 1:
            own = [name for name in columns if name in seen or name not in given]
        cells = [_scalars(path, decoded, name) for name in own]
        batch = pa.RecordBatch.from_arrays(cells, own)
        yield Block(
            path, part, first, batch, absent=frozenset(own).difference(decoded.schema.names)
        )
        first += len(records)
    if first == 1:
        yield Block.nothing(path, part, columns)
    else:
        needed = [name for name in own if name not in optional]
        check_columns(path, needed, sorted(seen), section)


def tfrecord_names(path: str) -> list[str]:
    """Returns the names of the features of the first examples of a file."""
    records = next(_batches(path), [])
    return list(_decoded(path, records, 1).schema.names) if records else []


def _decoded(path: str, records: list[bytes], first: int) -> pa.RecordBatch:
    from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

    try:
        return ExamplesToRecordBatchDecoder().DecodeBatch(records)
    except (RuntimeError, ValueError) as fault:
        raise LogError(
            f"{path}: holds a record that is no tf.train.Example, among the {len(records):,} "
            f"from record {first:,} on. Write one Example per event."
        ) from fault


def _scalars(path: str, decoded: pa.RecordBatch, name: str) -> pa.Array:
    """Returns [n]: the value of each example's feature, null where it has none."""
    if name not in decoded.schema.names or pa.types.is_null(decoded[name].type):
        return pa.nulls(decoded.num_rows)
    lists = decoded[name]
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy()
    if lengths.max(initial=0) > 1:
        raise LogError(
            f"{path}: the feature {name!r} of an event holds {lengths.max()} values. Write one "
            f"Example per event, each with one value."
        )
    place = np.cumsum(lengths) - 1
    return lists.flatten().take(pa.array(place, mask=lengths == 0))


def _batches(path: str) -> Iterator[list[bytes]]:
    with open_unpacked(path) as file:
        records: list[bytes] = []
        while (record := _read_record(file, path)) is not None:
            records.append(record)
            if len(records) == _BLOCK_ROWS:
                yield records
                records = []
        if records:
            yield records


def _read_record(file: BinaryIO, path: str) -> bytes | None:
    header = file.read(_HEADER.size)
    if not header:
        return None
    if len(header) == _HEADER.size:
        length, check = _HEADER.unpack(header)
        if check == checksum(header[:8]) and length <= _LONGEST:
            record, footer = file.read(length), file.read(_FOOTER.size)
            if len(footer) == _FOOTER.size and _FOOTER.unpack(footer)[0] == checksum(record):
                return record
    raise LogError(
        f"{path}: is no TFRecord file, or a truncated or damaged one. Copy it again, complete."
    )
