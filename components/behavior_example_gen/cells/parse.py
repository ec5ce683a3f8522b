"""Reads columns of cells as ids, numbers and times; what is no such becomes null, with a reason.

The common case, a column without faults, is one cast in C++; only a column with faults is looked
at cell by cell (still vectorised).
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_example_gen.cells.columns import IdColumn, TimeColumn

# What fits 64 bits; 0x1f is what Arrow's cast takes for an integer, too.
_INTEGER = r"^\s*([+-]?(?:\d{1,18}|[0-8]\d{18})|0[xX][0-9a-fA-F]{1,8})(?:\.0*)?\s*$"
_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*$"
_NAN = r"^\s*[+-]?([nN][aA][nN]|[iI][nN][fF]([iI][nN][iI][tT][yY])?)\s*$"
_DAY = 86_400
_YEAR_10000 = 253_402_300_800  # seconds; later times are a sign of a wrong unit


@dataclasses.dataclass(frozen=True)
class Column:
    """A column that was read: nulls where a cell is faulty, and why.

    Attributes:
      values: Arrow array [n].
      faults: masks [n] bool by reason, such as "not a number".
    """

    values: pa.Array
    faults: dict[str, np.ndarray]


def to_text(cells: pa.Array) -> pa.Array:
    """Returns [n] string; empty cells are null."""
    text = cells if pa.types.is_string(cells.type) else cells.cast(pa.string())
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def to_id(cells: pa.Array, config: IdColumn) -> Column:
    """Reads ids: [n] int64 or binary."""
    if config.before is not None:
        text = to_text(cells)
        head = pc.find_substring(text, config.before)
        cut = pc.list_element(pc.split_pattern(text, config.before, max_splits=1), 0)
        cells = to_text(pc.if_else(pc.equal(head, -1), text, cut))
    if config.type == "int":
        return to_int(cells)
    text = to_text(cells)
    return Column(text.cast(pa.binary()), {"missing": _is_null(text)})


def to_int(cells: pa.Array) -> Column:
    """Reads integers: [n] int64. "17850.0" is the integer 17850."""
    if pa.types.is_floating(cells.type):
        return _whole(cells.cast(pa.float64()))
    if not _is_text(cells.type):
        try:
            return Column(cells.cast(pa.int64()), {"missing": _is_null(cells)})
        except pa.ArrowInvalid:  # some do not fit 64 bits, or are fractions
            pass
    text = to_text(cells)
    missing = _is_null(text)
    try:
        return Column(text.cast(pa.int64()), {"missing": missing})
    except pa.ArrowInvalid:
        pass
    good = _matches(text, _INTEGER)
    digits = pc.replace_substring_regex(_only(text, good), _INTEGER, r"\1")
    digits = pc.replace_substring_regex(digits, r"^\+", "")
    nan = _matches(text, _NAN)
    faults = {"missing": missing, "NaN": nan, "not an integer": ~(good | missing | nan)}
    return Column(digits.cast(pa.int64()), faults)


def to_float(cells: pa.Array) -> Column:
    """Reads numbers: [n] float64, never NaN or infinite."""
    if _is_text(cells.type):
        text = pc.utf8_trim_whitespace(to_text(cells))
        missing = _is_null(text)
        try:
            values = text.cast(pa.float64())
            text_fault = np.zeros(len(text), bool)
        except pa.ArrowInvalid:
            nan_text = _matches(text, _NAN)
            readable = _matches(text, _NUMBER) | nan_text
            values = pc.if_else(
                nan_text, np.nan, _only(text, readable & ~nan_text).cast(pa.float64())
            )
            text_fault = ~(readable | missing)
    else:
        values = cells.cast(pa.float64(), safe=False)  # beyond 2**53: rounded
        missing, text_fault = _is_null(values), np.zeros(len(values), bool)
    nan = ~np.asarray(pc.is_finite(values).fill_null(True))
    faults = {"missing": missing, "NaN": nan, "not a number": text_fault}
    return Column(_only(values, ~nan), faults)


def to_time(cells: pa.Array, config: TimeColumn) -> Column:
    """Reads times: [n] int64, never negative, in the ticks of the unit (days: in seconds)."""
    if config.format is not None and not pa.types.is_temporal(cells.type):
        read = _by_format(cells, config.format)
    elif pa.types.is_temporal(cells.type):
        unit = config.unit if config.unit in ("ms", "us") else "s"
        values = cells.cast(pa.timestamp(unit), safe=False).cast(pa.int64())
        read = Column(values, {"missing": _is_null(cells)})
    else:
        read = _by_unit(cells, config.unit)
    values = read.values
    negative = np.asarray(pc.less(values, 0).fill_null(False))
    faults = read.faults | {"negative": negative}
    if config.unit != "order":
        late = pc.greater_equal(values, _YEAR_10000 * config.ticks_per_second)
        faults["after the year 9999"] = np.asarray(late.fill_null(False))
    return Column(values, faults)


def _by_format(cells: pa.Array, layout: str) -> Column:
    text = to_text(cells)
    missing = _is_null(text)
    if not any(year in layout for year in ("%Y", "%y", "%D", "%F", "%s")):
        text = pc.binary_join_element_wise("1972", text, " ")  # a leap year, so that 02-29 exists
        layout = f"%Y {layout}"
    stamps = pc.strptime(text, format=layout, unit="s", error_is_null=True)
    wrong = _is_null(stamps) & ~missing
    return Column(stamps.cast(pa.int64()), {"missing": missing, f"not {layout}": wrong})


def _by_unit(cells: pa.Array, unit: str) -> Column:
    exact = to_int(cells)
    if exact.faults.get("not an integer", np.zeros(1, bool)).any():
        inexact = to_float(cells)
        within = pc.min_element_wise(pc.floor(inexact.values), 2.0**62, skip_nulls=False)
        floor = pc.cast(within, pa.int64(), safe=False)
        exact = Column(pc.coalesce(exact.values, floor), inexact.faults)
    if unit != "day":
        return exact
    within = pc.min_element_wise(exact.values, _YEAR_10000, skip_nulls=False)
    within = pc.max_element_wise(within, -1, skip_nulls=False)
    return Column(pc.multiply(within, _DAY), exact.faults)


def _whole(values: pa.Array) -> Column:
    numbers = values.to_numpy(zero_copy_only=False)
    missing = _is_null(values)
    nan = ~np.isfinite(numbers) & ~missing
    with np.errstate(invalid="ignore"):
        whole = (np.floor(numbers) == numbers) & (np.abs(numbers) < 2**62)
    good = whole & ~nan & ~missing
    integers = pa.array(np.where(good, numbers, 0).astype(np.int64), mask=~good)
    return Column(
        integers, {"missing": missing, "NaN": nan, "not an integer": ~(whole | nan | missing)}
    )


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind)


def _is_null(cells: pa.Array) -> np.ndarray:
    return np.asarray(pc.is_null(cells))


def _matches(text: pa.Array, pattern: str) -> np.ndarray:
    return np.asarray(pc.match_substring_regex(text, pattern).fill_null(False))


def _only(values: pa.Array, good: np.ndarray) -> pa.Array:
    return pc.if_else(pa.array(good), values, pa.scalar(None, values.type))
