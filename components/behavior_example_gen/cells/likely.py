"""What a column of times likely holds, where it does not hold what the configuration says.

Numbers of seconds, milliseconds, days and dates such as 20240131 lie apart by their size alone, as
long as they are between 1990 and now.
"""

from __future__ import annotations

import collections
import re
import time
from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from components.behavior_example_gen.cells.columns import NANOSECONDS, TimeColumn
from components.behavior_example_gen.cells.parse import is_text, to_float, to_int, to_text
from components.behavior_example_gen.cells.time_format import read_format
from components.behavior_example_gen.cells.times import UNITS

EXCEL = "the days of a spreadsheet"
_FIRST = 7_305 * 86_400  # 1990, in seconds
_YEAR = 366 * 86_400
_DATES = {"%Y%m%d": 0, "%Y%m%d%H": 1, "%Y%m%d%H%M": 2, "%Y%m%d%H%M%S": 3, "%Y%m%d%H%M%S%f": 4}
_SHORT_HOUR, _MONTH = "%y%m%d%H", "%Y%m"
_PLACES = [1, 10**2, 10**4, 10**6, 10**9]  # behind the day
# Clocks that do not count from 1970: ticks a second, and seconds before 1970.
_OTHER_CLOCKS = {
    "the ticks of .NET": (10**7, 62_135_596_800),
    "the file times of Windows": (10**7, 11_644_473_600),
    "microseconds since 1601, as browsers store them": (10**6, 11_644_473_600),
}
_EXCEL_DAYS = 25_569  # of a spreadsheet before 1970
FOREIGN = (EXCEL, *_OTHER_CLOCKS)  # which no `unit` reads
_DAYS = (
    "%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%d %b %Y",
    "%d-%b-%Y", "%b %d, %Y", "%d/%m/%y", "%m/%d/%y", "%y-%m-%d", "%d-%m-%y", "%d.%m.%y",
    "%d-%b-%y", "%d %b %y", "%Y%m%d",
)  # fmt: skip
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
_STAMPS = (
    "%d/%b/%Y:%H:%M:%S %z", "[%d/%b/%Y:%H:%M:%S %z]", "%a %b %d %H:%M:%S %Y",
    "%a %b %d %H:%M:%S %Z %Y", "%a %b %d %H:%M:%S %z %Y",
    "%a, %d %b %Y %H:%M:%S %Z", "%a, %d %b %Y %H:%M:%S %z", "%Y-%m-%d %H:%M:%S %Z",
    "%Y-%m-%d %H:%M:%S %z %Z", "%Y-%m-%d %H:%M:%S.%f %z %Z",
)  # fmt: skip
_ZONE = re.compile(r"\s*(?:\[[\w/+-]+\]|[A-Z]{3,5}|[A-Z]\w+/\w+)$")
_FORMATS = [*(day + clock for day in _DAYS for clock in _CLOCKS), *_STAMPS]


def readings(cells: pa.Array) -> collections.Counter[str]:
    """Counts the numbers of a column that are times since 1990, by each way to read them.

    Args:
      cells: [n], raw.

    Returns:
      For each unit (s, ms, us, ns, day), each format of digits and each of `FOREIGN`, how many; ""
      for all numbers.
    """
    numbers = _numbers(cells)
    found = collections.Counter({"": len(numbers)})
    last = int(time.time()) + _YEAR
    for unit, nanoseconds in UNITS.items():
        first, end = (second * NANOSECONDS // nanoseconds for second in (_FIRST, last))
        found[unit] = int(((numbers >= first) & (numbers < end)).sum())
    first, end = (second // 86_400 + _EXCEL_DAYS for second in (_FIRST, last))
    found[EXCEL] = int(((numbers >= first) & (numbers < end)).sum())
    for name, (ticks, before) in _OTHER_CLOCKS.items():
        first, end = ((second + before) * ticks for second in (_FIRST, last))
        found[name] = int(((numbers >= first) & (numbers < end)).sum())
    for layout, place in _DATES.items():
        days = numbers // _PLACES[place]
        within = (days >= 1990_01_01) & (days < 2100_00_00)
        found[layout] = _readable(numbers[within], layout)
    # Hours of a year without its century; 20 would be the days of one that begins with it.
    years = numbers // 10**6
    within = (years >= 10) & (years < 30) & (years != 20)
    found[_SHORT_HOUR] = _readable(numbers[within], _SHORT_HOUR)
    within = (numbers >= 1990_01) & (numbers < 2100_00)
    found[_MONTH] = _readable(numbers[within], _MONTH)
    return +found


def _readable(numbers: np.ndarray, layout: str) -> int:
    if not len(numbers):
        return 0
    return int(read_format(pa.array(numbers).cast(pa.string()), layout)[1].sum())


def unusual(times: np.ndarray) -> int:
    """Returns how many times, in nanoseconds, do not lie between 1990 and now."""
    last = (int(time.time()) + _YEAR) * NANOSECONDS
    return int(((times < _FIRST * NANOSECONDS) | (times >= last)).sum())


def told(cells: pa.Array, config: TimeColumn) -> str:
    """Returns how the configuration reads a column, in the words of `readings`."""
    if pa.types.is_timestamp(cells.type):
        return cells.type.unit
    return config.format or config.unit or "s"


def without_zone(texts: Iterable[str]) -> list[str]:
    """Returns texts without the name of a zone behind them, such as EST or [Europe/Berlin]."""
    return [_ZONE.sub("", text.strip()) for text in texts]


def formats(texts: Iterable[str]) -> list[str]:
    """Returns the usual formats that fit all of some texts, at most two."""
    column = pa.array([text.strip() for text in texts], pa.string())
    if not len(column):
        return []
    return [layout for layout in _FORMATS if read_format(column, layout)[1].all()][:2]


def _numbers(cells: pa.Array) -> np.ndarray:
    if pa.types.is_timestamp(cells.type):
        cells = cells.cast(pa.int64())
    if pa.types.is_temporal(cells.type):
        return np.empty(0, np.int64)
    if is_text(cells.type):
        cells = to_text(cells)
    exact = to_int(cells).values
    if exact.null_count > cells.null_count:  # fractions
        numbers = to_float(cells).values.drop_null().to_numpy()
        return np.clip(numbers, -1, 2.0**62).astype(np.int64)
    return exact.drop_null().to_numpy()
