"""Stable hashes of ids: the same on every worker, in every process and for every shard."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_PRIME = np.uint64(0x100000001B3)


def mix(x: np.ndarray) -> np.ndarray:
    """SplitMix64's finalizer: [n] uint64 to [n] uint64, every bit depending on every bit."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def combine(*parts: np.ndarray | int) -> np.ndarray:
    """Hashes tuples of integers, given as columns [n] or as constants, to [n] uint64."""
    state = np.zeros(1, np.uint64)
    for part in parts:
        part = np.atleast_1d(np.asarray(part))
        state = mix((state + _GOLDEN) ^ mix(part.astype(np.uint64) + _GOLDEN))
    return state


def fraction(hashes: np.ndarray) -> np.ndarray:
    """Turns [n] uint64 into [n] float64, uniform in [0, 1)."""
    return (hashes >> np.uint64(11)) * 2.0**-53


def id_hash(ids: pa.Array) -> np.ndarray:
    """Hashes ids, int64 or binary without nulls, to [n] uint64."""
    if pa.types.is_integer(ids.type):
        return mix(ids.to_numpy().astype(np.uint64) + _GOLDEN)
    unique = ids.dictionary_encode()
    return _bytes_hash(unique.dictionary)[unique.indices.to_numpy()]


def _bytes_hash(texts: pa.Array) -> np.ndarray:
    """A polynomial in the mixed bytes of each text, modulo 2**64."""
    offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset :][: len(texts) + 1]
    offsets = offsets.astype(np.int64)
    data = texts.buffers()[2]
    if data is None or offsets[-1] == offsets[0]:
        return combine(np.diff(offsets))
    values = np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]].astype(np.uint64)
    lengths = np.diff(offsets)
    place = np.arange(len(values)) - np.repeat(offsets[:-1] - offsets[0], lengths)
    powers = np.cumprod(np.full(lengths.max(), _PRIME))
    total = np.cumsum(np.append(np.uint64(0), mix(values + _GOLDEN) * powers[place]))
    ends = offsets - offsets[0]
    return combine(total[ends[1:]] - total[ends[:-1]], lengths)
