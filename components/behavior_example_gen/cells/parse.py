"""Reads columns of cells as ids and numbers; what is no such becomes null, with a reason.

The common case, a column without faults, is one cast in C++; only a column with faults is looked
at cell by cell (still vectorised). Times are read in `times`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import decimal
import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_example_gen.cells.columns import IdColumn

# What Arrow's cast takes for an integer, too, in a column without faults: signs, and 0x1f.
_SHORT = r"^\s*([+-]?\d{1,18}|0[xX][0-9a-fA-F]{1,8})(?:\.0*)?\s*$"
_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
_NAN = r"^\s*[+-]?([nN][aA][nN]|[iI][nN][fF]([iI][nN][iI][tT][yY])?)\s*$"
_ZEROS = r"^0\d"
_DECIMAL = r"^[+-]?\d+\.0$"
_INTEGER = r"^[+-]?\d+$"
_SHORTER = re.compile(r"[+-]?[0-9]{1,18}")  # than 64 bits
_LOOKED_AT = 1000  # cells of a block
_ROUND = r"^[+-]?\d(?:\.(?P<places>\d+))?[eE]\+(?P<power>\d{1,3})$"
# Spaces, and what has no width: it comes with text that was pasted, and with byte-order marks.
_INVISIBLE = (
    " \t\n\r\x0b\x0c\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
    "\u200a\u2028\u2029\u202f\u205f\u3000\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\u206a\u206b\u206c\u206d\u206e\u206f"
    "\ufeff\ufff9\ufffa\ufffb\u00ad\u061c\u180e"
)
_LEAST, _MOST = -(2**63), 2**63 - 1
NO_INTEGER = "not an integer"
TOO_LONG = "beyond 64 bits"
ROUNDED = "a float so large that it stands for several integers"
_TRUE, _FALSE = ("true", "t", "yes", "y"), ("false", "f", "no", "n")


@dataclasses.dataclass(frozen=True)
class Column:
    """A column that was read: nulls where a cell is faulty, and why.

    Attributes:
      values: Arrow array [n].
      faults: masks [n] bool by reason, such as "not a number".
    """

    values: pa.Array
    faults: dict[str, np.ndarray]


def tidy(cells: pa.Array, missing: Sequence[str], trim: bool) -> pa.Array:
    """Makes null what stands for a missing cell, and cuts spaces off texts.

    That is a text of `missing`, or the number that it is, and NaN, as which integers with gaps are
    often stored.
    """
    if pa.types.is_floating(cells.type):
        cells = without(cells, pa.array(np.isnan(cells.to_numpy(zero_copy_only=False))))
    if pa.types.is_floating(cells.type) or pa.types.is_integer(cells.type):
        numbers = _numbers(missing, cells.type)
        return without(cells, pc.is_in(cells, numbers, skip_nulls=True)) if numbers else cells
    if not is_text(cells.type):
        return cells
    text = cells if pa.types.is_string(cells.type) else cells.cast(pa.string())
    if _is_numeric(text) and not any(map(_starts_as_number, missing)):
        return without(text, pc.equal(pc.binary_length(text), 0))
    if trim:
        text = pc.utf8_trim_whitespace(text)
        if not is_ascii(text):
            text = pc.utf8_trim(text, characters=_INVISIBLE)
    return without(text, pc.is_in(text, pa.array(["", *missing]), skip_nulls=True))


def _numbers(texts: Sequence[str], kind: pa.DataType) -> pa.Array:
    """Returns those texts that are whole numbers, as a type of numbers holds them."""
    numbers = [int(text) for text in texts if _SHORTER.fullmatch(text)]
    if pa.types.is_integer(kind):
        held = np.iinfo(kind.to_pandas_dtype())
        numbers = [number for number in numbers if held.min <= number <= held.max]
    return pa.array(np.array(numbers, kind.to_pandas_dtype()))


def of_texts(cells: list[str | None]) -> pa.Array:
    """Returns [n] string; binary, if one holds half of a pair that stands for one character."""
    try:
        return pa.array(cells, pa.string())
    except UnicodeEncodeError:
        packed = [None if cell is None else cell.encode("utf-8", "surrogatepass") for cell in cells]
        return pa.array(packed, pa.binary())


def to_text(cells: pa.Array) -> pa.Array:
    """Returns [n] string; empty cells are null, whole floats are integers."""
    if pa.types.is_floating(cells.type):
        read = to_int(cells)
        return pc.coalesce(read.values.cast(pa.string()), cells.cast(pa.string()))
    if pa.types.is_decimal(cells.type):
        with contextlib.suppress(pa.ArrowInvalid):  # fractions, or more digits
            cells = cells.cast(pa.int64())
    text = cells if pa.types.is_string(cells.type) else cells.cast(pa.string())
    return without(text, pc.equal(text, ""))


def to_id(cells: pa.Array, config: IdColumn) -> Column:
    """Reads ids: [n] int64 or binary."""
    if config.before is not None:
        cut = pc.split_pattern(to_text(cells), config.before, max_splits=1)
        cells = to_text(pc.utf8_trim_whitespace(pc.list_element(cut, 0)))
    if config.type == "int":
        return to_int(cells)
    if pa.types.is_floating(cells.type):
        whole = to_int(cells)
        return Column(whole.values.cast(pa.string()).cast(pa.binary()), whole.faults)
    text = to_text(cells)
    return Column(text.cast(pa.binary()), {"missing": is_null(text)})


def to_int(cells: pa.Array) -> Column:
    """Reads integers, exactly: [n] int64. "17850.0" is the integer 17850, and 1e12 one, too."""
    if pa.types.is_floating(cells.type):
        return _whole(cells)
    if not is_text(cells.type):
        try:
            return Column(cells.cast(pa.int64()), {"missing": is_null(cells)})
        except pa.ArrowInvalid:  # some do not fit 64 bits, or are fractions
            pass
    text = to_text(cells)
    missing = is_null(text)
    try:
        return Column(text.cast(pa.int64()), {"missing": missing})
    except pa.ArrowInvalid:
        pass
    short = matches(text, _SHORT)
    digits = pc.replace_substring_regex(only(text, short), _SHORT, r"\1")
    values = pc.replace_substring_regex(digits, r"^\+", "").cast(pa.int64())
    nan = matches(text, _NAN)
    rest = ~(short | missing | nan)
    faults = {"missing": missing, "NaN": nan}
    if not rest.any():
        return Column(values, faults | {NO_INTEGER: rest})
    numbers = np.asarray(values.fill_null(0)).copy()
    faulty, long = rest.copy(), np.zeros(len(text), bool)
    distinct = text.filter(pa.array(rest)).dictionary_encode()
    exact = [_exact(cell) for cell in distinct.dictionary.to_pylist()]
    whole = np.array([number is not None for number in exact])
    fits = np.array([number is not None and _LEAST <= number <= _MOST for number in exact])
    held = np.array([n if ok else 0 for n, ok in zip(exact, fits, strict=True)], np.int64)
    place = np.asarray(distinct.indices)
    numbers[rest], faulty[rest] = held[place], ~whole[place]
    long[rest] = (whole & ~fits)[place]
    values = pa.array(numbers, mask=missing | nan | faulty | long)
    return Column(values, faults | {NO_INTEGER: faulty, TOO_LONG: long})


def leading_zeros(cells: pa.Array) -> int:
    """Returns how many texts have zeros before their number, such as 007."""
    if not is_text(cells.type):
        return 0
    zero = pc.starts_with(cells, "0").fill_null(False)
    if not pc.any(zero).as_py():
        return 0
    return int(matches(to_text(cells.filter(zero)), _ZEROS).sum())


def decimals(cells: pa.Array) -> int:
    """Returns how many texts are whole numbers with a decimal point, such as 7.0."""
    if not is_text(cells.type):
        return 0
    point = pc.ends_with(cells, ".0").fill_null(False)
    if not pc.any(point).as_py():
        return 0
    return int(matches(to_text(cells.filter(point)), _DECIMAL).sum())


def integers(cells: pa.Array) -> int:
    """Returns how many of the first cells are integers, such as 7, be they typed or texts."""
    if pa.types.is_integer(cells.type):
        return len(cells[:_LOOKED_AT].drop_null())
    if not is_text(cells.type):
        return 0
    return int(matches(to_text(cells[:_LOOKED_AT]), _INTEGER).sum())


def copies(cells: pa.Array, ids: pa.Array) -> tuple[int, int]:
    """Returns how many of the first cells are the ids beside them, and how many there are."""
    texts, others = (to_text(column[:_LOOKED_AT]) for column in (cells, ids))
    return pc.sum(pc.equal(texts, others)).as_py() or 0, len(texts) - texts.null_count


def rounded(cells: pa.Array) -> int:
    """Returns how many texts are numbers that a program rounded, such as 1.23E+18 or 1e+05.

    Those that have all their digits, such as 1.600000000e+09, are none.
    """
    if not is_text(cells.type) or not holds(to_text(cells), "eE"):
        return 0
    marked = pc.match_substring(cells, "e+", ignore_case=True).fill_null(False)
    if not pc.any(marked).as_py():
        return 0
    found = pc.extract_regex(to_text(cells.filter(marked)), _ROUND).drop_null()
    places = pc.utf8_length(found.field("places"))
    return pc.sum(pc.greater(found.field("power").cast(pa.int32()), places)).as_py() or 0


def of_several_lines(cells: pa.Array) -> int:
    """Returns how many texts hold a line end, such as a name that was broken."""
    if not is_text(cells.type):
        return 0
    text = to_text(cells)
    return int(matches(text, r"[\r\n]").sum()) if holds(text, "\r\n") else 0


def in_marks(cells: pa.Array) -> int:
    """Returns how many texts have quotation marks around them, such as "a" or 'a'."""
    if not is_text(cells.type):
        return 0
    text = to_text(cells)
    found = 0
    for mark in (mark for mark in "\"'" if holds(text, mark)):
        some = text.filter(pc.starts_with(text, mark))
        ends = pc.and_(pc.ends_with(some, mark), pc.greater(pc.binary_length(some), 1))
        found += pc.sum(ends, min_count=0).as_py()
    return found


def escaped(cells: pa.Array) -> int:
    """Returns how many texts hold a quotation mark behind a backslash, such as 55\\"."""
    if not is_text(cells.type) or not holds(text := to_text(cells), "\\"):
        return 0
    return pc.sum(pc.match_substring(text, '\\"'), min_count=0).as_py()


def accents(cells: pa.Array) -> tuple[int, int]:
    """Returns how many of the first texts have accents beside letters, and how many within them.

    Unicode writes most in both ways (NFD and NFC), which look alike and are two ids.
    """
    if not is_text(cells.type) or is_ascii(text := to_text(cells[:_LOOKED_AT])):
        return 0, 0
    texts = text.drop_null().to_pylist()  # Arrow 18 takes NFC for NFD
    beside, within = (
        sum(not unicodedata.is_normalized(form, cell) for cell in texts) for form in ("NFC", "NFD")
    )
    return beside, within


def to_label(cells: pa.Array) -> Column:
    """Reads numbers, and true, t, yes, y as 1, false, f, no, n as 0: [n] float64."""
    if is_text(cells.type):
        word = pc.utf8_lower(pc.utf8_trim_whitespace(to_text(cells)))
        is_true, is_false = (pc.is_in(word, pa.array(words)) for words in (_TRUE, _FALSE))
        if pc.any(is_true).as_py() or pc.any(is_false).as_py():
            cells = pc.case_when(pc.make_struct(is_true, is_false), "1", "0", word)
    return to_float(cells)


def to_float(cells: pa.Array) -> Column:
    """Reads numbers: [n] float64, never NaN or infinite."""
    if is_text(cells.type):
        text = pc.utf8_trim_whitespace(to_text(cells))
        missing = is_null(text)
        try:
            values = text.cast(pa.float64())
            text_fault = np.zeros(len(text), bool)
        except pa.ArrowInvalid:
            nan_text = matches(text, _NAN)
            readable = matches(text, _NUMBER) | nan_text
            numbers = only(text, readable & ~nan_text).cast(pa.float64())
            values = pc.if_else(nan_text, np.nan, numbers)
            text_fault = ~(readable | missing)
    else:
        values = cells.cast(pa.float64(), safe=False)  # beyond 2**53: rounded
        missing, text_fault = is_null(values), np.zeros(len(values), bool)
    nan = ~np.asarray(pc.is_finite(values).fill_null(True))
    faults = {"missing": missing, "NaN": nan, "not a number": text_fault}
    return Column(only(values, ~nan), faults)


def _whole(cells: pa.Array) -> Column:
    numbers = cells.to_numpy(zero_copy_only=False)
    # Above, integers that differ are one float: an id could be several.
    most = 2.0 ** (np.finfo(numbers.dtype).nmant + 1)
    missing = is_null(cells)
    nan = ~np.isfinite(numbers) & ~missing
    whole = np.floor(numbers) == numbers
    exact = np.abs(numbers) <= most
    good = whole & exact & ~nan & ~missing
    integers = pa.array(np.where(good, numbers, 0).astype(np.int64), mask=~good)
    faults = {"missing": missing, "NaN": nan, NO_INTEGER: ~(whole | nan | missing)}
    return Column(integers, faults | {ROUNDED: whole & ~(exact | nan | missing)})


def _exact(cell: str) -> int | None:
    """The integer that a text with many digits or an exponent is, exactly; None if it is none."""
    try:
        number = decimal.Decimal(cell.strip().removesuffix("."))
    except decimal.InvalidOperation:
        return None
    if not number.is_finite() or "_" in cell or not cell.isascii() or number.adjusted() > 40:
        return None
    with decimal.localcontext(prec=1000):
        return int(number) if number == number.to_integral_value() else None


def _is_numeric(text: pa.Array) -> bool:
    """Whether no cell holds anything but digits and signs: neither spaces nor words."""
    held = _held(text)
    return bool(len(held) and held.min() >= ord("+") and held.max() <= ord("9"))


def is_ascii(text: pa.Array) -> bool:
    """Whether no cell holds a letter beyond ASCII, which takes no look at single cells."""
    return not _held(text).max(initial=0) >> 7


def holds(text: pa.Array, letters: str) -> bool:
    """Whether some cell holds one of some ASCII letters, which takes no look at single cells."""
    held = _held(text)
    return any(bool((held == ord(letter)).any()) for letter in letters)


def is_plain(text: pa.Array) -> bool:
    """Whether all cells are of ASCII, and none holds a control character."""
    held = _held(text)
    return not len(held) or bool(held.min() >= ord(" ") and held.max() < 0x7F)


def _held(text: pa.Array) -> np.ndarray:
    """The bytes of all cells of a text."""
    data, offsets = text.buffers()[2], text.buffers()[1]
    if data is None or not len(text):
        return np.empty(0, np.uint8)
    ends = np.frombuffer(offsets, np.int32)
    return np.frombuffer(data, np.uint8)[ends[text.offset] : ends[text.offset + len(text)]]


def _starts_as_number(marker: str) -> bool:
    return marker[:1] in set("+-./0123456789")


def is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind)


def is_list(kind: pa.DataType) -> bool:
    tests = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(is_(kind) for is_ in tests)


def to_lists(sizes: np.ndarray, elements: pa.Array) -> pa.Array:
    """Returns lists of the elements, as many in each as `sizes` [n] says."""
    ends = np.append(0, np.cumsum(sizes)).astype(np.int64)
    return pa.LargeListArray.from_arrays(pa.array(ends), elements)


def is_null(cells: pa.Array) -> np.ndarray:
    return np.asarray(pc.is_null(cells))


def matches(text: pa.Array, pattern: str) -> np.ndarray:
    return np.asarray(pc.match_substring_regex(text, pattern).fill_null(False))


def only(values: pa.Array, good: np.ndarray) -> pa.Array:
    return without(values, pa.array(~good))


def without(values: pa.Array, absent: pa.Array) -> pa.Array:
    """Makes some values null. `pc.if_else` garbles texts that are a slice (Arrow 18)."""
    if not pc.any(absent).as_py():
        return values
    return pc.replace_with_mask(values, absent, pa.scalar(None, values.type))
