"""Ids, numbers and labels against Python's int() and decimal, and by hand."""

import collections
import decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from components.behavior_example_gen.cells.columns import IdColumn
from components.behavior_example_gen.cells.parse import (
    NO_INTEGER,
    ROUNDED,
    TOO_LONG,
    leading_zeros,
    tidy,
    to_id,
    to_int,
    to_label,
    to_text,
)
from components.behavior_example_gen.check import check_log
from components.behavior_example_gen.clean.account import Counts
from components.behavior_example_gen.clean.remarks import remarks
from components.behavior_example_gen.config.ingest_config import LabelConfig
from components.behavior_example_gen.config.log_config import MISSING, TableConfig
from components.behavior_example_gen.errors import LogError
from tests.components.behavior_example_gen import logs

INT, TEXT = IdColumn(column="id", type="int"), IdColumn(column="id")


def _faults(column):
    reasons = [None] * len(column.values)
    for reason, rows in column.faults.items():
        for place in np.flatnonzero(rows):
            reasons[place] = reason
    return reasons


def _whole(cell):
    """The integer that a cell is by Python's decimal, or why it is none."""
    number = decimal.Decimal(cell)
    if number != number.to_integral_value():
        return NO_INTEGER
    return int(number) if -(2**63) <= number < 2**63 else TOO_LONG


numbers = st.one_of(
    st.integers(-(2**64), 2**64).map(str),
    st.integers(-(2**63), 2**63 - 1).map(lambda n: f"{n}.0"),
    st.integers(-(10**6), 10**6).map(lambda n: f"{n:+d}"),
    st.decimals(-(10**20), 10**20, places=2, allow_nan=False).map(str),
    st.builds("{}e{}".format, st.integers(-999, 999), st.integers(-3, 20)),
    st.builds("{:.12e}".format, st.floats(-1e18, 1e18)),
)


@given(st.lists(numbers, min_size=1, max_size=8), st.sampled_from([[], ["x"], ["1.5"], [" 7"]]))
@example(["9223372036854775807", "-9223372036854775808"], ["x"])  # one path, fast or slow
@example(["1e12", "17850.0", "1.000000000079e+12"], [])
def test_an_integer_is_exactly_that_integer_or_faulty(cells, others):
    expected = [_whole(cell) for cell in cells]
    read = to_int(pa.array([*cells, *others], pa.string()))
    for cell, value, fault, wanted in zip(
        cells, read.values.to_pylist(), _faults(read), expected, strict=False
    ):
        assert (value if fault is None else fault) == wanted, cell


@pytest.mark.parametrize("cell", ["1_000", "12 34", "1e999", "--5", "0x", "٣", "1,000", "."])
def test_what_is_no_integer(cell):
    assert _faults(to_int(pa.array([cell, "7"]))) == [NO_INTEGER, None]


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1))
def test_unsigned_ids(values):
    cells = pa.array(values, pa.uint64())
    assert to_id(cells, TEXT).values.to_pylist() == [str(value).encode() for value in values]
    read = to_id(cells, INT)
    assert read.values.to_pylist() == [value if value < 2**63 else None for value in values]
    assert _faults(read) == [None if value < 2**63 else TOO_LONG for value in values]


@given(
    st.lists(st.one_of(st.none(), st.floats(width=64), st.integers(-(2**54), 2**54)), min_size=1)
)
def test_floats_are_whole_numbers_or_faulty(values):
    cells = pa.array([None if value is None else float(value) for value in values], pa.float64())
    for config in (INT, TEXT):
        read = to_id(cells, config)
        for cell, value, fault in zip(
            cells.to_pylist(), read.values.to_pylist(), _faults(read), strict=True
        ):
            if cell is None:
                assert fault == "missing"
            elif not np.isfinite(cell):
                assert fault == "NaN"
            elif cell != int(cell):
                assert fault == NO_INTEGER
            elif abs(cell) > 2**53:
                assert fault == ROUNDED
            else:
                whole = int(decimal.Decimal(cell))
                assert value == (whole if config is INT else str(whole).encode())


def test_floats_of_32_bits_hold_fewer_integers():
    read = to_id(pa.array([2.0**24, 2.0**24 + 2, 0.5]).cast(pa.float32()), INT)
    assert read.values.to_pylist() == [2**24, None, None]
    assert _faults(read) == [None, ROUNDED, NO_INTEGER]


def test_decimals_and_truth_values_as_ids():
    whole = pa.array([decimal.Decimal("17850.00"), None], pa.decimal128(20, 2))
    assert to_id(whole, TEXT).values.to_pylist() == [b"17850", None]
    assert to_id(whole, INT).values.to_pylist() == [17850, None]
    assert to_text(pa.array([True, False])).to_pylist() == ["true", "false"]


@given(st.lists(st.sampled_from(["007", "7", "0", "0.5", "x0", None, "00"]), min_size=1))
def test_leading_zeros_are_counted(cells):
    count = sum(cell in ("007", "00") for cell in cells if cell)
    assert leading_zeros(pa.array(cells, pa.string())) == count
    assert to_id(pa.array(["007"]), TEXT).values.to_pylist() == [b"007"]


@given(
    st.lists(st.one_of(st.none(), st.sampled_from([*MISSING, "", "Nan", " ", "\u00a0x "]),
                       st.text("0123 .a\\N", max_size=4)), min_size=1),
    st.sampled_from([list(MISSING), ["-1", "0"], []]),
    st.booleans(),
)  # fmt: skip
def test_markers_and_spaces(cells, missing, trim):
    expected = []
    for cell in cells:
        text = cell.strip() if trim and cell is not None else cell
        expected.append(None if text in (None, "", *missing) else text)
    found = tidy(pa.array(cells, pa.string()), missing, trim)
    assert found.to_pylist() == expected
    sliced = tidy(pa.array(["7", *cells], pa.string())[1:], missing, trim)
    assert sliced.to_pylist() == expected


def test_yaml_has_no_say_in_a_list_of_texts():
    for value in (True, None, 1.5):
        with pytest.raises(ValueError, match="put it between quotation marks"):
            TableConfig(missing=[value])
    assert TableConfig(missing=[-1, "x"]).missing == ["-1", "x"]
    label = LabelConfig(column="c", positives=[True, 1, "on"])
    assert label.positives == ["true", "True", "TRUE", 1, "on"]
    with pytest.raises(ValueError, match="a missing cell is no label"):
        LabelConfig(column="c", positives=[None])


@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        (["1", "0", "1.0", None], [1, 0, 1, None]),
        (["true", "False", "TRUE", None], [1, 0, 1, None]),
        (["Y", "n", "yes", "NO"], [1, 0, 1, 0]),
        (["t", "f", "T", "1"], [1, 0, 1, 1]),
        (["maybe", "true", "2", "on"], [None, 1, 2, None]),
    ],
)
def test_labels(cells, labels):
    assert to_label(pa.array(cells)).values.to_pylist() == labels


def test_typed_labels():
    assert to_label(pa.array([True, False, None])).values.to_pylist() == [1, 0, None]
    assert to_label(pa.array([1, 0], pa.int8())).values.to_pylist() == [1, 0]


def test_values_of_a_label_by_name(tmp_path):
    lines = [f"{n % 3},{n},1,{n},0,like" for n in range(9)] + ["1,5,1,20,0,", "2,5,1,21,0,skip"]
    text = "\n".join(["user,item,category,time,behavior,label", *lines, ""])
    (tmp_path / "log.csv").write_text(text)
    log = {"folder": str(tmp_path)}
    check_log(logs.config(log=log, label={"column": "label", "positives": ["like"]}))
    with pytest.raises(LogError, match=r"no row has the value 'love'.*'like', 'skip'"):
        check_log(logs.config(log=log, label={"column": "label", "positives": ["like", "love"]}))
    with pytest.raises(LogError, match=r"neither 0 nor 1, first at .*`label.positives` names"):
        check_log(logs.config(log=log))


def test_a_join_that_finds_few_items_is_told():
    table = {"of": "item", "files": "items.csv", "key": "item", "min_known": 0.5}
    config = logs.config(log={"tables": {"shop": table}})
    counts = Counts(rows=10, known=collections.Counter(shop=5))
    assert remarks(counts, config) == []
    counts.known["shop"] = 4
    (told,) = remarks(counts, config)
    assert "4 of 10 rows (40.0%) have an item that is in items.csv" in told
    assert "`log.tables.shop.min_known` = 50%" in told


def test_notes_add_up():
    one = Counts()
    one.notes.missing["label"] = 2
    two = Counts()
    two.notes.missing["label"] = 3
    assert (one + two).notes.missing == collections.Counter(label=5)
