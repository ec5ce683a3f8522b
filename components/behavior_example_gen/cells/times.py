"""Reads a column of times: numbers of a unit, texts, and typed times, to the nanosecond."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_example_gen.cells.columns import NANOSECONDS, TimeColumn
from components.behavior_example_gen.cells.parse import (
    Column,
    is_null,
    is_text,
    matches,
    to_float,
    to_int,
    to_text,
)
from components.behavior_example_gen.cells.time_format import OUT_OF_RANGE, read_format, read_iso

UNITS = {"s": NANOSECONDS, "ms": 1_000_000, "us": 1_000, "ns": 1, "day": 86_400 * NANOSECONDS}
NO_TIME = "neither a number nor ISO 8601"
COARSE = "a float of so few digits that it stands for several times"
LATE = "after the year 2261"
_DECIMAL = r"^\s*([+-]?(?:\d{1,18}|\d{1,18}\.\d*|\.\d+))\s*$"
_LIMIT = 2**63 - 1
_LOOKED_AT = 1000  # cells of a block
_WITHOUT = r"\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?\s*$"
_WITH_OFFSET = r"\d[T ]\d\d:?\d\d.*(Z|z|UTC|GMT|[+-]\d\d(:?\d\d)?)\s*$"


def to_time(cells: pa.Array, config: TimeColumn) -> Column:
    """Reads times: [n] int64 nanoseconds since 1970, or the numbers of an order; never negative."""
    if config.unit == "order":
        read = _typed(cells) if pa.types.is_temporal(cells.type) else to_int(cells)
    elif pa.types.is_temporal(cells.type):
        read = _typed(cells)
    elif config.format is not None:
        read = _formatted(cells, config.format)
    elif is_text(cells.type):
        read = _text(to_text(cells), config.unit or "s")
    else:
        read = _numbers(cells, config.unit or "s")
    values = np.asarray(read.values.fill_null(0))
    known = ~is_null(read.values)
    late = (values == OUT_OF_RANGE) if config.unit != "order" else np.zeros(len(values), bool)
    negative = values < 0
    faults = read.faults | {"negative": known & negative, LATE: known & late}
    if negative.any() or late.any():
        return Column(pa.array(values, mask=~known | negative | late), faults)
    return Column(read.values, faults)


def offsets(cells: pa.Array) -> tuple[int, int]:
    """Returns how many of the first times of a day have an offset, such as Z, and how many none.

    Numbers since 1970 and days need none.
    """
    head = cells[:_LOOKED_AT].drop_null()
    if pa.types.is_timestamp(cells.type):
        return (len(head), 0) if cells.type.tz else (0, len(head))
    if not is_text(cells.type):
        return 0, 0
    text = to_text(head)
    return int(matches(text, _WITH_OFFSET).sum()), int(matches(text, _WITHOUT).sum())


def _typed(cells: pa.Array) -> Column:
    """Times that say their own unit; without a zone they are UTC."""
    missing = is_null(cells)
    if pa.types.is_date(cells.type):
        cells = cells.cast(pa.timestamp("s"))
    if not pa.types.is_timestamp(cells.type):
        raise pa.ArrowTypeError(f"{cells.type} is no time: write a timestamp, a date or a number")
    numbers = np.asarray(cells.cast(pa.int64()).fill_null(0))
    return Column(_array(_scaled(numbers, UNITS[cells.type.unit]), missing), {"missing": missing})


def _formatted(cells: pa.Array, layout: str) -> Column:
    text = to_text(cells)
    values, good = read_format(text, layout)
    missing = is_null(text)
    return Column(_array(values, ~good), {"missing": missing, f"not {layout}": ~good & ~missing})


def _numbers(cells: pa.Array, unit: str) -> Column:
    if pa.types.is_floating(cells.type):
        read = to_float(cells)
        numbers = np.asarray(read.values.fill_null(0.0))
        coarse = np.zeros(len(numbers), bool)
        if not pa.types.is_float64(cells.type):
            coarse = numbers > 2.0 ** (np.finfo(cells.type.to_pandas_dtype()).nmant + 1)
        values = _array(_of_floats(numbers, unit), is_null(read.values) | coarse)
        return Column(values, read.faults | {COARSE: coarse})
    if not pa.types.is_integer(cells.type):
        return _text(cells.cast(pa.string()), unit)  # a decimal
    missing = is_null(cells)
    numbers = np.asarray(to_int(cells).values.fill_null(_LIMIT))  # beyond 64 bits: too late
    return Column(_array(_scaled(numbers, UNITS[unit]), missing), {"missing": missing})


def _text(text: pa.Array, unit: str) -> Column:
    missing = is_null(text)
    try:
        numbers = np.asarray(text.cast(pa.int64()).fill_null(0))
        return Column(_array(_scaled(numbers, UNITS[unit]), missing), {"missing": missing})
    except pa.ArrowInvalid:
        pass
    plain = matches(text, _DECIMAL)
    values, good = np.zeros(len(text), np.int64), plain.copy()
    values[plain] = _of_decimals(text.filter(pa.array(plain)), unit)
    rest = np.flatnonzero(~plain & ~missing)
    if len(rest):
        others = text.take(pa.array(rest))
        values[rest], good[rest] = read_iso(others)
        floats = to_float(others)  # with an exponent, or more digits than a time has
        number = ~is_null(floats.values)
        inexact = _of_floats(np.asarray(floats.values.fill_null(0.0)), unit)
        values[rest] = np.where(number, inexact, values[rest])
        good[rest] |= number
    nan = np.zeros(len(text), bool)
    nan[rest] = to_float(text.take(pa.array(rest))).faults["NaN"] if len(rest) else False
    faults = {
        "missing": missing,
        "NaN": nan,
        NO_TIME: ~(good | missing | nan),
    }
    return Column(_array(values, ~good), faults)


def _of_decimals(text: pa.Array, unit: str) -> np.ndarray:
    """Nanoseconds of plain decimal numbers; digits behind the ninth of a second are cut off."""
    places = {"s": 9, "ms": 6, "us": 3, "ns": 0, "day": 9}[unit]
    digits = pc.replace_substring_regex(
        text, rf"^\s*\+?(-?\d*)(\.\d{{0,{places}}})?\d*\s*$", r"\1\2"
    )
    digits = pc.replace_substring_regex(digits, r"\.$", "")
    words = digits.cast(pa.decimal128(38, places)).buffers()[1]
    halves = np.frombuffer(words, np.int64)[: 2 * len(text)].reshape(-1, 2)
    low, high = halves[:, 0], halves[:, 1]
    units = np.where(high == low >> 63, low, np.where(high < 0, -1, _LIMIT))
    return _scaled(units, 86_400 if unit == "day" else 1)


def _of_floats(numbers: np.ndarray, unit: str) -> np.ndarray:
    whole = np.floor(numbers)
    fraction = np.rint((numbers - whole) * UNITS[unit])  # exact before it is rounded
    most = _LIMIT // UNITS[unit] - 1
    values = np.clip(whole, -1, most).astype(np.int64) * UNITS[unit] + fraction.astype(np.int64)
    return np.where(whole < 0, -1, np.where(whole > most, _LIMIT, values))


def _scaled(numbers: np.ndarray, factor: int) -> np.ndarray:
    """Multiplies [n] int64; what leaves 63 bits becomes -1 or the largest number."""
    most = _LIMIT // factor
    if len(numbers) and (numbers.min() < 0 or numbers.max() > most):
        inside = np.clip(numbers, 0, most) * factor
        return np.where(numbers < 0, -1, np.where(numbers > most, _LIMIT, inside))
    return numbers * factor


def _array(values: np.ndarray, without: np.ndarray) -> pa.Array:
    return pa.array(values, mask=without) if without.any() else pa.array(values)
