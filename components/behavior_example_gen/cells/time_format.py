"""Times as text: ISO 8601, and strptime formats, read to the nanosecond and by the calendar.

The C library's strptime turns 30 February into 2 March, knows no fractions and ignores the name of
a zone. So it only reads what it cannot get wrong; the rest is taken apart by a regular expression.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH_NAMES = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    "sep(?:tember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
_DAY_NAMES = "(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?"
_TWO = {"d": "3[01]|[12][0-9]|0?[1-9]", "H": "2[0-3]|[01]?[0-9]", "S": "60|[0-5]?[0-9]"}
_PARTS = {
    "Y": " *(?P<Y>[0-9]{4})",
    "y": " *(?P<y>[0-9]{2})",
    "m": " *(?P<m>1[0-2]|0?[1-9])",
    "d": f" *(?P<d>{_TWO['d']})",
    "e": f" *(?P<d>{_TWO['d']})",
    "H": f" *(?P<H>{_TWO['H']})",
    "I": " *(?P<I>1[0-2]|0?[1-9])",
    "M": " *(?P<M>[0-5]?[0-9])",
    "S": f" *(?P<S>{_TWO['S']})",
    "f": "(?P<f>[0-9]{1,9})",
    "p": r"(?P<p>[ap]\.?m\.?)",
    "z": " *(?P<z>z|[+-][0-9]{2}(?::?[0-9]{2})?)",
    "Z": "(?P<Z>[a-z]+)",
    "b": f"(?P<b>{_MONTH_NAMES})",
    "B": f"(?P<b>{_MONTH_NAMES})",
    "h": f"(?P<b>{_MONTH_NAMES})",
    "a": _DAY_NAMES,
    "A": _DAY_NAMES,
    "n": r"\s+",
    "t": r"\s+",
    "%": "%",
}
_SPACES = r"[\s\x{a0}\x{202f}]+"  # the narrow one is what browsers write before PM
_LONG = {"%F": "%Y-%m-%d", "%T": "%H:%M:%S", "%R": "%H:%M", "%D": "%m/%d/%y"}
_ISO_FORMAT = re.compile(r"%Y-%m-%d([T ]%H:%M(:%S(\.%f)?)?(Z| ?%z)?)?")
_ISO = (
    r"^(?i)\s*(?P<Y>[0-9]{4})-?(?P<m>[0-9]{2})-?(?P<d>[0-9]{2})(?:[T ](?P<H>[0-9]{2})"
    r"(?::?(?P<M>[0-9]{2})(?::?(?P<S>[0-9]{2})(?:[.,](?P<f>[0-9]+))?)?)?"
    r"(?: ?(?P<z>Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?))?)?\s*$"
)
_UTC = ["utc", "gmt", "ut", "z"]
_LEAP_YEAR = 1972  # the year of a format without one, so that 02-29 exists
_LAST_DAY = 106_751  # 2262-04-11; its nanoseconds since 1970 fill 63 bits
_DAY, _SECOND = 86_400, 1_000_000_000
OUT_OF_RANGE = np.int64(2**63 - 1)  # a true time that nanoseconds cannot hold


def pattern(layout: str) -> str:
    """Returns the regular expression of a strptime format.

    Raises:
      ValueError: if the format has no directive, or an unknown one, or one twice, or an hour of
        twelve without its half of the day.
    """
    for short, long in _LONG.items():
        layout = layout.replace(short, long)
    pieces = re.split(r"(%.?|\s+)", layout, flags=re.DOTALL)
    seen: list[str] = []
    regex = ""
    for piece in pieces:
        if piece.startswith("%"):
            if piece[1:] not in _PARTS:
                raise ValueError(
                    f"`format` {layout!r}: {piece} is not understood. Known are "
                    f"{' '.join(f'%{letter}' for letter in _PARTS)} {' '.join(_LONG)}; for seconds "
                    f"since 1970 set `unit: s`."
                )
            seen += re.findall(r"\?P<(\w)>", _PARTS[piece[1:]])
            regex += _PARTS[piece[1:]]
        else:
            regex += _SPACES if piece.isspace() else re.escape(piece)
    if ("I" in seen) != ("p" in seen):
        raise ValueError(
            f"`format` {layout!r}: %I, an hour of twelve, and %p, am or pm, need each other: one "
            f"without the other moves times by half a day. Write %I with %p, or %H alone."
        )
    if not seen or len(seen) != len(set(seen)):
        raise ValueError(
            f"`format` {layout!r}: needs strptime directives, each part of a time once, such as "
            f"'%d/%m/%Y %H:%M:%S'."
        )
    return rf"^(?i)\s*{regex}\s*$"


def read_format(text: pa.Array, layout: str) -> tuple[np.ndarray, np.ndarray]:
    """Reads texts of a strptime format.

    Args:
      text: [n] string.
      layout: the format.

    Returns:
      [n] int64 nanoseconds since 1970, `OUT_OF_RANGE` beyond 2262, and [n] bool: which were read.
    """
    for short, long in _LONG.items():
        layout = layout.replace(short, long)
    if _ISO_FORMAT.fullmatch(layout):
        values, good = read_iso(text)
        rows = np.flatnonzero(~good & np.asarray(text.is_valid()))
        if len(rows):  # such as 2020-9-3, which strptime reads and ISO 8601 does not know
            values[rows], good[rows] = _take_apart(text.take(pa.array(rows)), pattern(layout))
        return values, good
    if any(directive in layout for directive in ("%f", "%Z", "%z")):
        return _take_apart(text, pattern(layout))
    texts, whole = text, layout
    if "%Y" not in layout and "%y" not in layout:
        texts = pc.binary_join_element_wise(str(_LEAP_YEAR), text, " ")
        whole = f"%Y {layout}"
    stamps = pc.strptime(texts, format=whole, unit="s", error_is_null=True)
    seconds = np.asarray(stamps.cast(pa.int64()).fill_null(0))
    good, present = np.asarray(stamps.is_valid()), np.asarray(text.is_valid())
    # What no calendar has, such as 31 April, has become one of the first days of the next month,
    # and a year of two digits one of antiquity.
    early = np.asarray(pc.year(stamps).fill_null(1970)) < 1000
    doubtful = present & (~good | early | (np.asarray(pc.day(stamps).fill_null(1)) <= 3))
    values = _nanoseconds(seconds // _DAY, seconds % _DAY, np.zeros_like(seconds))
    if doubtful.any():
        rows = np.flatnonzero(doubtful)
        values[rows], good[rows] = _take_apart(text.take(pa.array(rows)), pattern(layout))
    return values, good


def read_iso(text: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Reads texts in ISO 8601, `T` or a space before the hour; without an offset they are UTC.

    Returns:
      [n] int64 nanoseconds since 1970, `OUT_OF_RANGE` beyond 2262, and [n] bool: which were read.
    """
    for kind in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
        try:
            micros = np.asarray(text.cast(kind).cast(pa.int64()).fill_null(0))
        except pa.ArrowInvalid:  # some with an offset and some without, more digits, or faults
            continue
        seconds = micros // 1_000_000
        fraction = micros % 1_000_000 * 1_000
        return (
            _nanoseconds(seconds // _DAY, seconds % _DAY, fraction),
            np.asarray(text.is_valid()),
        )
    return _take_apart(text, _ISO)


def _take_apart(text: pa.Array, regex: str) -> tuple[np.ndarray, np.ndarray]:
    found = pc.extract_regex(text, regex)
    good = np.asarray(found.is_valid())
    parts = {field.name: found.field(field.name) for field in found.type}
    size = len(text)

    def number(name: str, otherwise: int = 0) -> np.ndarray:
        if name not in parts:
            return np.full(size, otherwise, np.int64)
        digits = pc.replace_with_mask(parts[name], pc.equal(parts[name], ""), str(otherwise))
        return np.asarray(digits.fill_null(str(otherwise)).cast(pa.int64()))

    year, month = number("Y", _LEAP_YEAR), number("m", 1)
    if "y" in parts:
        year = number("y")
        year = year + np.where(year < 69, 2000, 1900)  # as POSIX has it
    if "b" in parts:
        names = pc.utf8_lower(pc.utf8_slice_codeunits(parts["b"], 0, 3))
        month = np.asarray(pc.index_in(names, pa.array(_MONTHS)).fill_null(0)).astype(np.int64) + 1
    hour = number("H")
    if "I" in parts:
        afternoon = pc.starts_with(pc.utf8_lower(parts["p"]), "p").fill_null(False)
        hour = number("I") % 12 + 12 * np.asarray(afternoon)
    minute, second = number("M"), number("S")
    month_begin = (year - 1970) * 12 + month - 1
    begin, end = (
        (month_begin + more).astype("M8[M]").astype("M8[D]").astype(np.int64) for more in (0, 1)
    )
    day = number("d", 1)
    good &= (month >= 1) & (month <= 12) & (day >= 1) & (day <= end - begin)
    good &= (hour < 24) & (minute < 60) & (second <= 60)
    offset, known = _offset(parts, size)
    good &= known
    clock = hour * 3600 + minute * 60 + second - offset
    days = begin + day - 1 + clock // _DAY
    return _nanoseconds(days, clock % _DAY, _fraction(parts, size)), good


def _fraction(parts: Mapping[str, pa.Array], size: int) -> np.ndarray:
    if "f" not in parts:
        return np.zeros(size, np.int64)
    nine = pc.utf8_slice_codeunits(pc.utf8_rpad(parts["f"], 9, "0"), 0, 9)
    return np.asarray(nine.fill_null("0").cast(pa.int64()))


def _offset(parts: Mapping[str, pa.Array], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Seconds that are to be taken off for UTC, and whether the zone is known."""
    known = np.ones(size, bool)
    if "Z" in parts:  # CST is four zones of the earth: a name says nothing, but for UTC
        known = np.asarray(pc.is_in(pc.utf8_lower(parts["Z"]), pa.array(_UTC)))
    if "z" not in parts:
        return np.zeros(size, np.int64), known
    digits = pc.replace_substring_regex(parts["z"], "[^0-9]", "")
    digits = pc.utf8_rpad(digits, 4, "0").fill_null("0000")
    hhmm = np.asarray(digits.cast(pa.int64()))
    hours, minutes = hhmm // 100, hhmm % 100
    west = np.asarray(pc.starts_with(parts["z"], "-").fill_null(False))
    known &= (hours < 24) & (minutes < 60)
    return np.where(west, -1, 1) * (hours * 3600 + minutes * 60), known


def _nanoseconds(days: np.ndarray, seconds: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    fits = np.abs(days) < _LAST_DAY
    total = (np.where(fits, days, 0) * _DAY + seconds) * _SECOND + fraction
    return np.where(fits | (days < 0), np.where(fits, total, -1), OUT_OF_RANGE)
