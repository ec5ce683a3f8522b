"""Ids of text that are written in several ways.

Those that are one whole number: 7, +7, 007, 7.00 and 7e0; and those that differ by capitals, or by
the width of letters and digits, alone.
"""

from __future__ import annotations

import decimal
import unicodedata
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_example_gen.cells.parse import (
    holds,
    is_ascii,
    is_text,
    matches,
    to_text,
    without,
)
from components.behavior_example_gen.hashing import id_hash

_WHOLE = r"^[+-]?0*(\d{1,18}(\.0*)?|\d{1,9}(\.0*)?[eE]\+?0?\d)$"  # of 64 bits
_ODD = r"^[+]|^[+-]?0\d|[.eE]"
_SIGNS = r"^\+?(-?\d+)(?:\.0*)?$"
_LOOKED_AT = 1 << 13  # cells of a block, and as many behind them that are written oddly
_TEXTS_LOOKED_AT = 1 << 11  # whose hashes cost more than those of numbers
_KEPT = 500
_WAYS = 3  # that are kept of one

Spellings = dict[int, tuple[str, ...]]


def spellings(cells: pa.Array) -> Spellings:
    """Returns how some of the whole numbers in a column are written, by the number's hash.

    They are those of the least hashes, so that all blocks of a log look at the same numbers. Those
    of a typed column are written as texts of other files write them.
    """
    if pa.types.is_integer(cells.type):
        cells = cells[:_LOOKED_AT].cast(pa.string())
    if not is_text(cells.type):
        return {}
    text = to_text(cells).drop_null()
    found = _whole(text[:_LOOKED_AT])
    if not len(found):
        return {}
    rest = text[_LOOKED_AT:]
    odd = np.asarray(pc.starts_with(rest, "0"))
    if holds(rest, "+.eE"):
        odd |= matches(rest, _ODD)
    behind = rest.take(np.flatnonzero(odd)[:_LOOKED_AT])
    ways = pa.concat_arrays([found, _whole(behind)]).unique()
    return _least(id_hash(_numbers(ways)), ways)


def capitals(cells: pa.Array) -> Spellings:
    """Returns how some of the ids are written, by the hash of their small letters of usual width.

    They are those of the least hashes, likewise. Accents are read as part of their letters (NFC),
    since it is told by itself that they are written in two ways.
    """
    if not is_text(cells.type):
        return {}
    ways = to_text(cells[:_TEXTS_LOOKED_AT]).drop_null().unique()
    if not len(ways):
        return {}
    same = ways
    if not is_ascii(ways):
        # Not by Arrow 18, which takes NFC for NFD.
        ways = _normal(ways, "NFC").unique()
        same = _normal(ways, "NFKC")
    return _least(id_hash(pc.utf8_lower(same).cast(pa.binary())), ways)


def joined(one: Spellings, other: Spellings) -> Spellings:
    """Returns what either function would have returned of both blocks."""
    return {
        key: tuple(sorted({*one.get(key, ()), *other.get(key, ())})[:_WAYS])
        for key in sorted({*one, *other})[:_KEPT]
    }


def several(found: Spellings) -> list[tuple[str, ...]]:
    """Returns the spellings of each id that has more than one, the least first."""
    return sorted(ways for ways in found.values() if len(ways) > 1)


def _least(hashes: np.ndarray, ways: pa.Array) -> Spellings:
    """Returns the ways, [n] distinct texts, of each of the least hashes."""
    least = np.flatnonzero(hashes <= np.unique(hashes)[:_KEPT][-1])
    found: Spellings = {}
    for key, way in zip(hashes[least].tolist(), ways.take(least).to_pylist(), strict=True):
        found[key] = (*found.get(key, ()), way)
    return {key: tuple(sorted(ways)[:_WAYS]) for key, ways in found.items()}


def _normal(texts: pa.Array, form: Literal["NFC", "NFKC"]) -> pa.Array:
    return pa.array([unicodedata.normalize(form, text) for text in texts.to_pylist()], pa.string())


def _whole(text: pa.Array) -> pa.Array:
    return text.filter(pa.array(matches(text, _WHOLE)))


def _numbers(ways: pa.Array) -> pa.Array:
    """Reads whole numbers: [n] int64."""
    if not holds(ways, "+.eE"):
        return ways.cast(pa.int64())
    powers = pc.match_substring(ways, "e", ignore_case=True)
    read = pa.array(
        [int(decimal.Decimal(way)) for way in ways.filter(powers).to_pylist()], pa.int64()
    )
    digits = pc.replace_substring_regex(without(ways, powers), _SIGNS, r"\1")
    return pc.replace_with_mask(digits.cast(pa.int64()), powers, read)
