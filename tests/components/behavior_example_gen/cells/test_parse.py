"""Cells by hand: what is read, and why not."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from components.behavior_example_gen.cells.columns import IdColumn, TimeColumn
from components.behavior_example_gen.cells.parse import (
    ROUNDED,
    decimals,
    rounded,
    tidy,
    to_float,
    to_id,
    to_int,
)
from components.behavior_example_gen.cells.times import to_time
from components.behavior_example_gen.cells.where import RowFilter

S = 1_000_000_000  # nanoseconds


def _faults(column):
    """The fault of each cell, None where it was read."""
    reasons = [None] * len(column.values)
    for reason, rows in column.faults.items():
        for place in np.flatnonzero(rows):
            reasons[place] = reason
    return reasons


def test_integers_of_text():
    cells = pa.array(["17850.0", "-3", " 7 ", "+8", "", None, "nan", "1.5", "x", "9" * 30])
    column = to_int(cells)
    assert column.values.to_pylist() == [17850, -3, 7, 8] + [None] * 6
    assert _faults(column) == [None] * 4 + ["missing"] * 2 + ["NaN"] + [
        "not an integer",
        "not an integer",
        "beyond 64 bits",
    ]


def test_integers_of_numbers():
    column = to_int(pa.array([17850.0, None, float("nan"), float("inf"), 1.5, 1e30]))
    assert column.values.to_pylist() == [17850] + [None] * 5
    assert _faults(column)[1:] == ["missing", "NaN", "NaN", "not an integer", ROUNDED]
    assert to_int(pa.array([3, None], pa.uint8())).values.to_pylist() == [3, None]


def test_numbers():
    column = to_float(pa.array(["1.5", "1e3", ".5", "", "NaN", "-inf", "x", None]))
    assert column.values.to_pylist() == [1.5, 1000.0, 0.5] + [None] * 5
    assert _faults(column)[3:] == ["missing", "NaN", "NaN", "not a number", "missing"]
    assert to_float(pa.array(["2", "nan"])).values.to_pylist() == [2.0, None]
    assert to_float(pa.array([True, False])).values.to_pylist() == [1.0, 0.0]


@given(st.lists(st.one_of(st.none(), st.text("0123456789.+-eEnaifx ", max_size=6)), min_size=1))
@example(["E", "0E0000", "1e-0003"])
def test_one_faulty_cell_does_not_change_how_the_others_are_read(cells):
    for read in (to_int, to_float):
        together = read(pa.array(cells, pa.string()))
        alone = [read(pa.array([cell], pa.string())) for cell in cells]
        assert together.values.to_pylist() == [column.values[0].as_py() for column in alone]
        assert _faults(together) == [_faults(column)[0] for column in alone]


def test_ids():
    genres = IdColumn(column="genres", before="|")
    column = to_id(pa.array(["Drama|War", "Drama", "|War", "", None]), genres)
    assert column.values.to_pylist() == [b"Drama", b"Drama", None, None, None]
    assert _faults(column) == [None, None, "missing", "missing", "missing"]
    cells = pa.array(["Drama | War", "Drama", " | War", "Drama\u00a0|War"])
    assert to_id(cells, genres).values.to_pylist() == [b"Drama", b"Drama", None, b"Drama"]
    first = IdColumn(column="tags", type="int", before=",")
    assert to_id(pa.array(["23,12", "8"]), first).values.to_pylist() == [23, 8]
    plain = IdColumn(column="item")
    assert to_id(pa.array(["Č", "a b"]), plain).values.to_pylist() == ["Č".encode(), b"a b"]
    assert to_id(pa.array([5, 6]), plain).values.to_pylist() == [b"5", b"6"]


@pytest.mark.parametrize(
    ("unit", "cells", "values", "faults"),
    [
        ("s", ["0", "1500", "12.9", "-1"], [0, 1500 * S, 12 * S + S * 9 // 10, None],
         [None, None, None, "negative"]),
        ("s", ["1511539200000"], [None], ["after the year 2261"]),
        ("ms", ["1511539200123"], [1511539200123 * 10**6], [None]),
        ("day", ["2", "", "x"], [172800 * S, None, None],
         [None, "missing", "neither a number nor ISO 8601"]),
        ("day", ["999999999999999"], [None], ["after the year 2261"]),
        ("order", ["7", "999999999999999"], [7, 999999999999999], [None, None]),
        ("order", ["7", "7.5", "x"], [7, None, None], [None, "not an integer", "not an integer"]),
        ("s", ["nan", "soon"], [None, None], ["NaN", "neither a number nor ISO 8601"]),
    ],
)  # fmt: skip
def test_times(unit, cells, values, faults):
    column = to_time(pa.array(cells), TimeColumn(column="t", unit=unit))
    assert column.values.to_pylist() == values
    assert _faults(column) == faults


def test_formatted_times():
    minute = TimeColumn(column="t", format="%m/%d/%Y %H:%M")
    column = to_time(pa.array(["12/1/2010 8:26", "13/1/2010 8:26", "", "1/1/1960 0:00"]), minute)
    assert column.values.to_pylist() == [1291191960 * S, None, None, None]
    assert _faults(column) == [None, "not %m/%d/%Y %H:%M", "missing", "negative"]
    day = TimeColumn(column="t", format="%m%d")  # of 1972, which has a 29th of February
    column = to_time(pa.array(["0229", "829", "1111"]), day)
    assert column.values.to_pylist() == [68169600 * S, 83894400 * S, 90288000 * S]


def test_typed_times():
    stamps = pa.array([1_500, None], pa.timestamp("ms"))
    for unit in (None, "ms", "us"):  # a type knows its unit
        read = to_time(stamps, TimeColumn(column="t", unit=unit))
        assert read.values.to_pylist() == [1_500_000_000, None]
    dates = pa.array([1], pa.date32())
    assert to_time(dates, TimeColumn(column="t", unit="day")).values.to_pylist() == [86400 * S]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("n > 0", [True, False, False, False]),
        ("n >= 0", [True, True, False, False]),
        ("n != 5", [False, True, True, False]),  # a text is another than 5
        ("n<1", [False, True, False, False]),
        ("n == 'x'", [False, False, True, False]),
        ("n == x", [False, False, True, False]),
        ("n >= '5'", [True, False, True, False]),
    ],
)
def test_filters(text, kept):
    condition = RowFilter.parse(text)
    assert condition.column == "n"
    assert condition.keep(pa.array(["5", "0", "x", ""])).tolist() == kept


def test_filters_of_long_integers_are_exact():
    cells = pa.array([str(10**18 + n) for n in range(3)] + ["1e18", "x", "9" * 20])
    for text, kept in (
        (f"n == {10**18}", [True, False, False, True, False, False]),
        (f"n != {10**18}", [False, True, True, False, True, True]),
        (f"n > {10**18}", [False, True, True, False, False, False]),
        (f"n == {'9' * 20}", [False, False, False, False, False, True]),
        (f"n >= {2**63}", [False, False, False, False, False, True]),
    ):
        assert RowFilter.parse(text).keep(cells).tolist() == kept
    stored = pa.array([10**18, 10**18 + 1], pa.int64())
    assert RowFilter.parse(f"n == {10**18}").keep(stored).tolist() == [True, False]


def test_a_number_is_written_in_digits():
    cells = pa.array(["1_0", "10", "\uff11\uff10", "u1", None])
    for text, kept in (
        ("n == 1_0", [True, False, False, False, False]),  # 10 to Python
        ("n != 1_0", [False, True, True, True, False]),
        ("n == \uff11\uff10", [False, False, True, False, False]),
        ("n == 10", [False, True, False, False, False]),
        ("n != 10", [True, False, True, True, False]),
    ):
        assert RowFilter.parse(text).keep(cells).tolist() == kept
    assert RowFilter.parse("n != 5").keep(pa.array([5.0, None, 6.5])).tolist() == [
        False, False, True
    ]  # fmt: skip


def test_filters_by_day():
    cells = pa.array(["2024-01-31 23:59", "2024-02-01", "2023-12-31T10:00:00Z", None])
    kept = RowFilter.parse("day >= 2024-01-31").keep(cells)
    assert kept.tolist() == [True, True, False, False]
    others = pa.array(["1706659200", "20240101", "01.02.2024", "2024-01-30"])
    assert RowFilter.parse("day < 2024-01-31").keep(others).tolist() == [False, False, False, True]
    assert RowFilter.parse("day < '2024-01-31'").keep(others).tolist() == [True, False, True, True]


@pytest.mark.parametrize(
    "text",
    [
        "n", "n >", "> 1", "n = 1", "n => 1", "n =< 1", "n <> 1", "n === 1", "n in (1, 2)",
        "n > 1 and n < 2", "n == a AND m == b", "n == a || m == b", "0 < n < 2", "n == a != b",
        "n > 1,000", "n >= 31.01.2024", "n < 2024/01/31", "n >= 1 000", "n > $5", "n < nan",
        "n > inf", "n > ten", "n > 1_000", "n != 'a' and n != 'b'", 'n == "a" or n == "b"',
    ],
)  # fmt: skip
def test_filters_that_would_mean_something_else_are_refused(text):
    with pytest.raises(ValueError, match=r"`log.where` .*Received: "):
        RowFilter.parse(text)


def test_a_text_between_marks_may_hold_anything():
    texts = ["a and b", "1,000", "x > y", 'a" and "b', "O''Brien", "a"]
    for n, text in enumerate(texts[:5]):
        kept = RowFilter.parse(f"n == '{text}'").keep(pa.array(texts))
        assert kept.tolist() == [place == n for place in range(6)]


INVISIBLE = [
    " ", "\t", "\u00a0", "\u3000", "\ufeff", "\u200b", "\u200e", "\u202c", "\u2060",
    "\u00ad", "\u180e", "\ufeff \u00a0\u200b",
]  # fmt: skip


@pytest.mark.parametrize("space", INVISIBLE)
def test_what_cannot_be_seen_around_an_id_is_none_of_it(space):
    cells = pa.array([f"{space}u1", f"u1{space}", f"{space}u{space}1{space}", space, "ü", None])
    assert tidy(cells, [], True).to_pylist() == ["u1", "u1", f"u{space}1", None, "ü", None]
    assert tidy(cells[1:3], [], False).to_pylist() == cells[1:3].to_pylist()


def test_ids_that_may_be_others_than_meant_are_counted():
    cells = pa.array(["7.0", "7", "-7.0", "v1.0", "1.50", "10", "0.0", None, "7.00"])
    assert decimals(cells) == 3
    assert decimals(pa.array([7.0])) == 0
    cells = pa.array(["1.23E+18", "1E+05", "12E+3", "AE+18", "1.5", "1.2e5", None, "2+2"])
    assert rounded(cells) == 2
    assert rounded(pa.array(["10", "-3", ""])) == 0
