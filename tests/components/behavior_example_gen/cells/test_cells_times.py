"""Times against Python's own readers: datetime, decimal and fractions."""

import datetime
import decimal

import numpy as np
import pyarrow as pa
import pydantic
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from components.behavior_example_gen.cells import likely
from components.behavior_example_gen.cells.columns import TimeColumn
from components.behavior_example_gen.cells.times import NO_TIME, to_time
from components.behavior_example_gen.clean.clean import clean
from components.behavior_example_gen.cut.order import sort_rows
from components.behavior_example_gen.cut.targets import UserRows
from tests.components.behavior_example_gen import logs, oracle

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
FACTORS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1, "day": 86_400 * 10**9}
stamps = st.datetimes(datetime.datetime(1970, 1, 2), datetime.datetime(2261, 12, 30))


def _read(cells, **column):
    cells = cells if isinstance(cells, pa.Array) else pa.array(cells, pa.string())
    return to_time(cells, TimeColumn(column="t", **column))


def _faults(column):
    reasons = [None] * len(column.values)
    for reason, rows in column.faults.items():
        for place in np.flatnonzero(rows):
            assert reasons[place] is None
            reasons[place] = reason
    return reasons


def _nanoseconds(time):
    time = time if time.tzinfo else time.replace(tzinfo=datetime.UTC)
    return (time - EPOCH) // datetime.timedelta(microseconds=1) * 1000


@st.composite
def iso(draw):
    time = draw(stamps)
    zone = draw(st.sampled_from(["", "Z", "+00:00", "+02:00", "-0530", "+14", "-00:30"]))
    digits = draw(st.sampled_from(["auto", "seconds", "milliseconds", "microseconds"]))
    return time.isoformat(draw(st.sampled_from("T ")), digits) + zone


@given(st.lists(iso(), min_size=1, max_size=8))
@example(["2020-09-14T01:40:36.277Z", "2020-09-14 01:40:36"])
def test_iso_is_read_as_by_fromisoformat(cells):
    expected = [_nanoseconds(datetime.datetime.fromisoformat(cell)) for cell in cells]
    read = _read([*cells, None])
    assert read.values.to_pylist() == [*expected, None]
    assert _faults(read) == [None] * len(cells) + ["missing"]


def test_iso_by_hand():
    cells = {
        "2020-09-14": 1_600_041_600 * 10**9,
        "2020-09-14 01:40": 1_600_047_600 * 10**9,
        "2020-09-14T01:40:36.123456789Z": 1_600_047_636_123_456_789,
        "2020-09-14T01:40:36.1234567891Z": 1_600_047_636_123_456_789,
        "2020-09-14 01:40:36,5": 1_600_047_636_500_000_000,
        "2020-09-14 03:40:36 +02:00": 1_600_047_636 * 10**9,
        "2020-09-14 01:40:36 UTC": 1_600_047_636 * 10**9,
        "20200914T014036Z": 1_600_047_636 * 10**9,
        "1600047636": 1_600_047_636 * 10**9,
    }
    assert _read(list(cells)).values.to_pylist() == list(cells.values())
    for cell, value in cells.items():
        assert _read([cell]).values.to_pylist() == [value]
    bad = {
        "2021-02-30": NO_TIME,
        "2021-13-01": NO_TIME,
        "2021-01-01T24:00:00": NO_TIME,
        "2021-01-01T10:00:00+25:00": NO_TIME,
        "1969-12-31T23:59:59": "negative",
        "2262-05-01": "after the year 2261",
        "9999-12-31": "after the year 2261",
    }
    assert _faults(_read(list(bad))) == list(bad.values())
    for cell, reason in bad.items():
        assert _faults(_read([cell, "2020-09-14"])) == [reason, None]


LAYOUTS = [
    "%d/%m/%Y %H:%M:%S", "%m/%d/%y %H:%M", "%Y%m%d", "%Y%m%d%H%M%S", "%b %d %Y %I:%M %p",
    "%d-%B-%Y", "%A, %d %b %Y %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y/%m/%d %H:%M:%S %z",
    "%d.%m.%Y %H:%M", "%d/%b/%Y:%H:%M:%S %z", "%Y-%m-%d %H:%M:%S",
]  # fmt: skip


@given(st.lists(stamps, min_size=1, max_size=8), st.sampled_from(LAYOUTS), st.integers(-840, 840))
def test_formats_are_read_as_by_strptime(times, layout, minutes):
    zone = datetime.timezone(datetime.timedelta(minutes=minutes))
    times = [time.replace(tzinfo=zone) for time in times]
    if "%y" in layout:
        times = [time.replace(year=1971 + time.year % 98) for time in times if time.day < 29]
    cells = [time.strftime(layout) for time in times]
    expected = [_nanoseconds(datetime.datetime.strptime(cell, layout)) for cell in cells]
    read = _read(cells, format=layout)
    assert read.values.to_pylist() == expected


@given(
    st.lists(st.tuples(st.integers(1970, 2200), st.integers(0, 13), st.integers(0, 32)), min_size=1)
)
@example([(2021, 2, 30), (2020, 2, 29), (2021, 4, 31), (2100, 2, 29)])
def test_a_day_that_no_calendar_has_is_faulty(days):
    for layout, cells in (
        ("%d.%m.%Y", [f"{d:02d}.{m:02d}.{y}" for y, m, d in days]),
        ("%d.%m.%Y %H:%M", [f"{d:02d}.{m:02d}.{y} 23:59" for y, m, d in days]),
        ("%Y-%m-%d", [f"{y}-{m:02d}-{d:02d}" for y, m, d in days]),
        ("%Y%m%d", [f"{y}{m:02d}{d:02d}" for y, m, d in days]),
    ):
        exists = []
        for cell in cells:
            try:
                exists.append(_nanoseconds(datetime.datetime.strptime(cell, layout)))
            except ValueError:
                exists.append(None)
        assert _read(cells, format=layout).values.to_pylist() == exists


def test_names_of_zones():
    cells = ["2020-09-14 10:00 UTC", "2020-09-14 10:00 GMT", "2020-09-14 10:00 CST"]
    read = _read(cells, format="%Y-%m-%d %H:%M %Z")
    assert read.values.to_pylist() == [1_600_077_600 * 10**9] * 2 + [None]
    assert _faults(read)[2] == "not %Y-%m-%d %H:%M %Z"  # China's, Cuba's, or one of America's
    assert _read(["2020-09-14 10:00 CST"]).values.to_pylist() == [None]


def test_hours_of_twelve():
    cells = {
        "09/14/2020 12:00:05 AM": 1_600_041_605, "09/14/2020 01:00:05 am": 1_600_045_205,
        "09/14/2020 12:00:05 p.m.": 1_600_084_805, "09/14/2020 1:00:05\u202fPM": 1_600_088_405,
        "09/14/2020 11:59:59\u00a0P.M.": 1_600_127_999,
    }  # fmt: skip
    read = _read(list(cells), format="%m/%d/%Y %I:%M:%S %p")
    assert read.values.to_pylist() == [second * 10**9 for second in cells.values()]
    faulty = _read(["09/14/2020 13:00:05 PM", "09/14/2020 1:00:05"], format="%m/%d/%Y %I:%M:%S %p")
    assert faulty.values.to_pylist() == [None, None]


@pytest.mark.parametrize("layout", ["%m/%d/%Y %H:%M:%S %p", "%m/%d/%Y %I:%M:%S", "%d.%m.%Y %p"])
def test_half_a_day_is_not_guessed(layout):
    with pytest.raises(pydantic.ValidationError, match="%I with %p, or %H alone"):
        TimeColumn(column="t", format=layout)


@pytest.mark.parametrize("layout", ["yyyy-MM-dd", "%Y-%Q", "%s", "%Y %F", "%Y-%m-%d %"])
def test_formats_that_cannot_be_meant(layout):
    with pytest.raises(pydantic.ValidationError, match="`format`"):
        TimeColumn(column="t", format=layout)


@given(
    st.lists(st.decimals(0, 4_000_000_000, places=9, allow_nan=False), min_size=1, max_size=8),
    st.sampled_from(sorted(FACTORS)),
)
def test_numbers_in_a_text_are_exact(numbers, unit):
    places = {"s": 9, "ms": 6, "us": 3, "ns": 0, "day": 9}[unit]
    limit = decimal.Decimal(9 * 10**18) / FACTORS[unit]
    cells = [format(min(number, limit), f".{places + 1}f") for number in numbers]
    expected = [
        int(decimal.Decimal(cell[:-1].rstrip(".")) * FACTORS[unit]) for cell in cells
    ]  # the digit behind the nanoseconds is cut off
    assert _read(cells, unit=unit).values.to_pylist() == expected


@given(
    st.lists(st.floats(0, 4e9, allow_nan=False), min_size=1, max_size=8),
    st.sampled_from(["s", "ms"]),
)
def test_floats_are_exact_to_the_nanosecond_and_keep_their_order(numbers, unit):
    found = _read(pa.array(numbers), unit=unit).values.to_pylist()
    for number, value in zip(numbers, found, strict=True):
        assert abs(decimal.Decimal(number) * FACTORS[unit] - value) <= decimal.Decimal("0.51")
    order = np.argsort(np.array(numbers), kind="stable")
    assert (np.diff(np.array(found)[order]) >= 0).all()


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1), st.sampled_from(sorted(FACTORS)))
def test_whole_numbers_of_a_unit(numbers, unit):
    expected = [n * FACTORS[unit] if 0 <= n * FACTORS[unit] < 2**63 - 1 else None for n in numbers]
    for cells in (pa.array(numbers), pa.array([str(n) for n in numbers])):
        read = _read(cells, unit=unit)
        assert read.values.to_pylist() == expected
        reasons = [
            None if value is not None else "negative" if n < 0 else "after the year 2261"
            for n, value in zip(numbers, expected, strict=True)
        ]
        assert _faults(read) == reasons


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (1_600_047_636, "s"), (1_600_047_636_005, "ms"), (1_600_047_636_005_123, "us"),
        (1_600_047_636_005_123_456, "ns"), (18_519, "day"), (20200914, "%Y%m%d"),
        (2020091401, "%Y%m%d%H"), (202009140140, "%Y%m%d%H%M"), (20200914014036, "%Y%m%d%H%M%S"),
        (14102100, "%y%m%d%H"), (20101112, "%Y%m%d"), (26112923, "%y%m%d%H"),
    ],
)  # fmt: skip
def test_a_number_has_one_likely_reading(number, name):
    for cells in (pa.array([number]), pa.array([str(number)]), pa.array([f"{number}.0"])):
        assert likely.readings(cells) == {"": 1, name: 1}
    if number < 2**53:
        assert likely.readings(pa.array([float(number), None])) == {"": 1, name: 1}


def test_formats_that_fit():
    assert likely.formats(["14/09/2020 01:40", "02/09/2020 13:00"]) == ["%d/%m/%Y %H:%M"]
    assert likely.formats(["03/04/2020"]) == ["%d/%m/%Y", "%m/%d/%Y"]
    assert likely.formats(["10/Oct/2000:13:55:36 -0700"]) == ["%d/%b/%Y:%H:%M:%S %z"]
    assert likely.formats(["[10/Oct/2000:13:55:36 -0700]"]) == ["[%d/%b/%Y:%H:%M:%S %z]"]
    assert likely.formats(["Sun Sep 13 12:26:40 2020"]) == ["%a %b %d %H:%M:%S %Y"]
    assert likely.formats(["tomorrow"]) == []


def test_an_order_of_times_to_the_fraction_decides_what_a_target_sees():
    rows = [oracle.Row(1, t, t % 3, 0, 0, 1) for t in range(6)]
    config = logs.config(log={"duplicates": "keep"})
    cells = logs.cells(rows)
    place = cells.schema.get_field_index("time")
    # Six events within one second, not in order, the last two at one time to the nanosecond.
    text = pa.array(["9.3", "9.1", "9.2", "9.000000002", "9.000000001", "9.000000001"])
    batch = clean(cells.set_column(place, "time", text), config, np.arange(6))[0]
    ordered, _ = sort_rows(batch, by_log=False, drop_duplicates=False)
    seen = UserRows(ordered, config)
    assert ordered["sequence"].to_pylist()[2:] == [3, 1, 2, 0]
    assert seen.hist_end.tolist() == [0, 0, 2, 3, 4, 5]
    assert seen.seconds.tolist() == [9] * 6


@given(st.lists(st.integers(0, 40), min_size=1, max_size=30), st.sampled_from([1, 10**3, 10**9]))
def test_rows_are_sorted_by_the_full_time(times, step):
    batch = pa.RecordBatch.from_pydict(
        {
            "user": pa.array([t % 2 for t in times]),
            "time": pa.array([1_600_000_000_000_000_001 + t * step for t in times]),
            "item": pa.array(range(len(times))),
            "sequence": pa.array(range(len(times))),
        }
    )
    expected = sorted(range(len(times)), key=lambda row: (times[row] % 2, times[row], row))
    assert sort_rows(batch, True, False)[0]["sequence"].to_pylist() == expected
