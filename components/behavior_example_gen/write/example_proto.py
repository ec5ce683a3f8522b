"""`tf.train.Example`s in protocol buffer's wire format, from columns, always in the same bytes.

tfx_bsl's coder, like every C++ writer of a protobuf map, gives the features of an example in an
order that is random by design (the hash of a map is seeded per process), and it encodes a
behaviour again for every example that shows it. Here features lie in the order of their names, and
the values of a column are encoded once: a feature of an example is a slice of the encoded column.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

_SEVEN_BITS = np.uint64(7)
_BYTES, _FLOATS, _INTEGERS = b"\x0a", b"\x12", b"\x1a"  # tags of the kinds of a tf.train.Feature


@dataclasses.dataclass(frozen=True)
class Encoded:
    """A column of values, each in the bytes it has within its list.

    Attributes:
      kind: tag of the list's kind.
      data: the bytes of all values.
      offsets: [n + 1] int64, where values begin.
    """

    kind: bytes
    data: memoryview
    offsets: np.ndarray

    def slices(self, begin: np.ndarray, end: np.ndarray) -> Iterator[bytes]:
        """Yields the `Feature` of each of some slices of the column, begin and end [e]."""
        data, kind = self.data, self.kind
        packed = kind != _BYTES
        first, last = self.offsets[begin].tolist(), self.offsets[end].tolist()
        for b, e in zip(first, last, strict=True):
            if packed and e > b:
                head = b"\x0a" + size(e - b)
                yield b"".join((kind, size(len(head) + e - b), head, data[b:e]))
            else:
                yield b"".join((kind, size(e - b), data[b:e]))


def encode_column(values: pa.Array | np.ndarray) -> Encoded:
    """Encodes int64, float32 or binary values without nulls."""
    if isinstance(values, pa.Array) and pa.types.is_binary(values.type):
        unique = values.dictionary_encode()
        return take(_texts(unique.dictionary), unique.indices)
    numbers = values.to_numpy() if isinstance(values, pa.Array) else values
    if numbers.dtype == np.float32:
        data = np.ascontiguousarray(numbers, "<f4").view(np.uint8)
        return Encoded(_FLOATS, data.data, np.arange(0, data.size + 4, 4))
    data, lengths = varints(numbers)
    return Encoded(_INTEGERS, data.data, _offsets(lengths))


def varints(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Encodes [n] int64: the bytes of all varints, and their numbers of bytes [n] int64."""
    rest = values.astype(np.uint64)
    longest = max(1, -(-int(rest.max(initial=0)).bit_length() // 7))
    table = np.empty((len(rest), longest), np.uint8)
    more = np.ones((len(rest), longest), bool)  # whether a varint has such a byte
    for place in range(longest):
        table[:, place] = rest & np.uint64(0x7F)
        rest >>= _SEVEN_BITS
        if place + 1 < longest:
            more[:, place + 1] = rest != 0
            table[:, place] |= more[:, place + 1].astype(np.uint8) << 7
    if more.all():
        return table.ravel(), np.full(len(rest), longest)
    return table[more], more.sum(axis=1)


def take(column: Encoded, indices: pa.Array) -> Encoded:
    """Returns the column of the values at some indices."""
    table = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(),
        len(column.offsets) - 1,
        [None, pa.py_buffer(column.offsets), pa.py_buffer(column.data)],
    )
    _, offsets, data = table.take(indices).buffers()
    offsets = np.frombuffer(offsets, np.int64)[: len(indices) + 1]
    return Encoded(column.kind, memoryview(data or b""), offsets)


def examples(features: Mapping[str, Iterator[bytes]]) -> Iterator[bytes]:
    """Yields serialized examples, of which `features` gives one `Feature` each by name."""
    heads = [b"\x0a" + size(len(name)) + name.encode() + b"\x12" for name in sorted(features)]
    for row in zip(*(features[name] for name in sorted(features)), strict=True):
        parts: list[bytes] = []
        total = 0
        for head, feature in zip(heads, row, strict=True):
            length = size(len(feature))
            entry = size(len(head) + len(length) + len(feature))
            parts += (b"\x0a", entry, head, length, feature)
            total += 1 + len(entry) + len(head) + len(length) + len(feature)
        yield b"".join((b"\x0a", size(total), *parts))


def size(number: int) -> bytes:
    """Returns the varint of a length."""
    if number < len(_SMALL):
        return _SMALL[number]
    return bytes([number & 0x7F | 0x80]) + size(number >> 7)


def _texts(texts: pa.Array) -> Encoded:
    values = [b"\x0a" + size(len(text)) + text for text in texts.to_pylist()]
    lengths = np.fromiter(map(len, values), np.int64, len(values))
    return Encoded(_BYTES, memoryview(b"".join(values)), _offsets(lengths))


def _offsets(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])


_SMALL = [bytes([n]) for n in range(1 << 7)]
_SMALL += [bytes([n & 0x7F | 0x80, n >> 7]) for n in range(1 << 7, 1 << 14)]
