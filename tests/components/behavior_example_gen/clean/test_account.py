"""What is told of a log's rows, against counts made by hand and by loops."""

import collections
import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.behavior_example_gen.check import check_log
from components.behavior_example_gen.clean.account import Counts
from components.behavior_example_gen.clean.clean import clean
from components.behavior_example_gen.clean.notes import Notes
from components.behavior_example_gen.clean.remarks import remarks
from components.behavior_example_gen.config.ingest_config import IngestConfig
from components.behavior_example_gen.cut.targets import WholeLog
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.shard import Shard
from components.behavior_example_gen.tables import one_batch

from ..runs import execute

TIMES = 1_600_000_000
COLUMNS = {"user": "user", "item": "item", "category": "cat", "time": "ts"}


def _config(folder, **sections):
    log = {"folder": str(folder), "files": "*.csv", "columns": COLUMNS} | sections.pop("log", {})
    split = {"by": "user_tail", "validation": 0.2, "eval": 0.2}
    return IngestConfig(**{"log": log, "label": {"column": "click"}, "split": split} | sections)


def _some(prefix="i"):
    """Rows of a log: of 6 users, 9 items, a minute apart."""
    return [(f"u{n % 6}", f"{prefix}{n % 9}", "c", TIMES + 60 * n, n % 2) for n in range(120)]


def _write(path, rows, names="user,item,cat,ts,click"):
    path.write_text("\n".join([names, *(",".join(map(str, row)) for row in rows), ""]))


CELL = st.sampled_from(["", "0", "1", "2"])
ROW = st.tuples(st.sampled_from("ab"), CELL, st.integers(0, 3), CELL)


@settings(max_examples=200)
@given(st.lists(ROW, min_size=1, max_size=30), st.sampled_from(["drop", "keep"]), st.integers(1, 4))
def test_what_rows_lack_is_told_of_those_that_are_kept(rows, duplicates, blocks):
    """Duplicates may lie in other blocks; a category that is missing equals 0."""
    columns = COLUMNS | {"category": {"column": "cat", "type": "int"}}
    config = IngestConfig(
        log={"files": "x.csv", "columns": columns, "duplicates": duplicates},
        label={"column": "click"},
        features={"tab": {"of": "context", "column": "tab"}},
        split={"by": "user_tail"},
    )
    every, cleaned = Counts(), []
    for places in filter(len, (np.arange(len(rows))[n::blocks] for n in range(blocks))):
        users, categories, times, tabs = zip(*(rows[place] for place in places), strict=True)
        cells = pa.RecordBatch.from_pydict(
            {
                "user": users, "item": ["i"] * len(users), "cat": categories,
                "ts": [str(TIMES + time) for time in times], "click": ["1"] * len(users),
                "tab": tabs,
            }
        )  # fmt: skip
        taken, _, notes = clean(cells, config, places)
        cleaned.append(taken)
        every += Counts(notes=notes)
    every += Shard(one_batch(pa.Table.from_batches(cleaned)), config, WholeLog()).counts
    seen: set[tuple] = set()
    lacking: collections.Counter[str] = collections.Counter()
    for user, category, time, tab in rows:
        row = (user, category or "0", time, tab)
        if duplicates == "keep" or row not in seen:
            lacking.update({"category": category == "", "feature tab": tab == ""})
        seen.add(row)
    assert +every.notes.missing == +lacking


def test_duplicates_lack_nothing(tmp_path):
    rows = [
        (f"u{n % 6}", f"i{n % 9}", "" if n % 4 == 0 else "c", TIMES + 60 * n, n % 2)
        for n in range(120)
    ]
    for name in "ab":
        _write(tmp_path / f"{name}.csv", rows)
    counts = execute(_config(tmp_path), tmp_path / "out")
    assert counts["rows_kept"] == 120
    assert counts["dropped"] == {"duplicate": 120, "target: no visible behaviour": 6}
    assert counts["missing"] == {"category": 30}


@pytest.mark.parametrize(
    ("busy", "users", "told"), [(800, 400, True), (120, 400, False), (800, 6, False)]
)
def test_a_user_that_stands_for_nobody_is_told(tmp_path, busy, users, told):
    rows = [(n % users, f"i{n % 50}", "c", TIMES + 60 * n, n % 2) for n in range(8 * users)]
    rows += [(-1, f"i{n % 50}", "c", TIMES + 30 + 60 * n, n % 2) for n in range(busy)]
    _write(tmp_path / "a.csv", rows)
    counts = execute(_config(tmp_path), tmp_path / "out")
    found = [one for one in counts["warnings"] if "log.columns.user" in one]
    share = busy / len(rows)
    assert found == [
        f"`log.columns.user`: '-1' has {busy} of {len(rows):,} rows ({share:.1%}) of {users + 1} "
        f"users. If it stands for many, or for nobody, leave it out: "
        f"""`log.where: ['user != "-1"']`."""
    ] * told  # fmt: skip
    if told:
        left = execute(_config(tmp_path, log={"where": ['user != "-1"']}), tmp_path / "left")
        assert left["rows_kept"] == 8 * users
        assert left["warnings"] == []


@pytest.mark.parametrize("kind", ["string", "int"])
def test_a_text_that_writes_ids_in_two_ways_is_refused(tmp_path, kind):
    rows = _some("")
    _write(tmp_path / "a.csv", rows[:60])
    _write(tmp_path / "b.csv", [(u, f"{i}.0", *rest) for u, i, *rest in rows[60:]])
    config = _config(
        tmp_path, log={"columns": COLUMNS | {"item": {"column": "item", "type": kind}}}
    )
    if kind == "int":
        check_log(config)
        return
    says = (
        r"`log\.columns\.item`: 60 cells are whole numbers with a decimal point, such as 7\.0, and "
        r"others are without, such as 7: .* Set `log\.columns\.item\.type: int`"
    )
    with pytest.raises(LogError, match=says):
        check_log(config)


@pytest.mark.parametrize(
    ("forms", "told"), [("NFC NFD", True), ("NFC NFC", False), ("NFD NFD", False)]
)
def test_accents_that_are_written_in_two_ways_are_told(tmp_path, forms, told):
    rows = _some("")
    for name, form, some in zip("ab", forms.split(), (rows[:60], rows[60:]), strict=True):
        accented = [(u, unicodedata.normalize(form, f"\u00e9{i}"), *rest) for u, i, *rest in some]
        _write(tmp_path / f"{name}.csv", accented)
    column = {"item": {"column": "item", "type": "string"}}
    counts = execute(_config(tmp_path, log={"columns": COLUMNS | column}), tmp_path / "out")
    says = (
        "`log.columns.item`: some cells have accents beside their letters (Unicode's NFD), others"
    )
    assert [warning.startswith(says) for warning in counts["warnings"]] == [True] * told


def test_ids_that_differ_by_capitals_are_told(tmp_path):
    rows = [(u, i.upper() if n % 2 else i, *rest) for n, (u, i, *rest) in enumerate(_some("i"))]
    _write(tmp_path / "log.csv", rows)
    column = {"item": {"column": "item", "type": "string"}}
    counts = execute(_config(tmp_path, log={"columns": COLUMNS | column}), tmp_path / "out")
    assert counts["warnings"] == [
        "`log.columns.item`: 'I0' and 'i0' differ by capitals or by the width of letters alone, "
        "and are different ids; so it is of 9 or more. If they mean one, write all in one way."
    ]


def test_marks_behind_backslashes_are_told_and_can_be_read(tmp_path):
    rows = [(u, 'TV 55\\"' if i == "i3" else i, *rest) for u, i, *rest in _some()]
    _write(tmp_path / "log.csv", rows)
    told = sum(n % 9 == 3 for n in range(120))
    assert execute(_config(tmp_path), tmp_path / "out")["warnings"] == [
        f'`log.columns.item`: {told} cells hold a quotation mark behind a backslash, \\", and the '
        f"backslash is part of the id. If a program escaped the mark, set `log.csv.escape: '\\'`."
    ]
    config = _config(tmp_path, log={"csv": {"escape": "\\"}})
    assert execute(config, tmp_path / "read")["warnings"] == []


@pytest.mark.parametrize("label", [0, 1])
def test_a_validation_split_of_one_label_is_told(tmp_path, label):
    parts = ["train"] * 7 + ["validation"] + ["eval"] * 2
    rows = [
        (f"u{n}", f"i{k}", "c", TIMES + 60 * k, label if part == "validation" else n % 2, part)
        for n in range(6) for k, part in enumerate(parts)
    ]  # fmt: skip
    _write(tmp_path / "log.csv", rows, "user,item,cat,ts,click,part")
    split = {"by": "column", "column": "part"}
    counts = execute(_config(tmp_path, split=split), tmp_path / "out")
    assert counts["splits"]["validation"]["targets"] == 6
    assert counts["warnings"] == [
        f"All 6 targets of the validation split have the label {label}: no epoch of training can "
        f"be chosen by AUC, or by how lists are ranked, and the loss chooses. Change `split` for "
        f"both labels."
    ]


def test_ids_of_several_lines_are_told(tmp_path):
    rows = [(u, f'"{i}\nx"' if i == "i3" else i, *rest) for u, i, *rest in _some()]
    _write(tmp_path / "log.csv", rows)
    counts = execute(_config(tmp_path), tmp_path / "out")
    told = sum(n % 9 == 3 for n in range(120))
    assert counts["warnings"] == [
        f"`log.columns.item`: {told} cells hold a line end. A vocabulary has an id a line, so that "
        f"the model takes all of these for unknown ones. Write them in one line."
    ]


def test_what_determines_the_item_is_told(tmp_path):
    rows = [
        (
            *(f"u{n % 6}", f"i{i}", "c", TIMES + 60 * n, n % 2, f"s{i}", f"i{i}", i % 7),
            f"o{i}-{n // 40}",  # another in each row, so that it is no item's, whatever the last
        )
        for n, i in ((n, n % 40) for n in range(400))
    ]  # fmt: skip
    _write(tmp_path / "a.csv", rows, "user,item,cat,ts,click,sku,copy,brand,offer")
    features = {
        "sku": {"of": "item", "column": "sku"}, "brand": {"of": "item", "column": "brand"},
        "shown": {"of": "context", "column": "copy"}, "maker": {"of": "context", "column": "brand"},
        "offer": {"of": "item", "column": "offer"},
    }  # fmt: skip
    counts = execute(_config(tmp_path, features=features), tmp_path / "out")
    assert [one.partition(":")[0] for one in counts["warnings"]] == [
        "`features.offer`",
        "`features.sku`",
        "`features.shown`",
    ]
    assert "40 of 40 items have a value that no other item has" in counts["warnings"][1]
    assert "its column 'copy' holds the ids of `log.columns.item`" in counts["warnings"][2]


JUDGED = st.tuples(
    st.sampled_from("ab"),
    st.sampled_from("xyz"),
    st.integers(0, 2),
    st.sampled_from(["", "0", "1"]),
)


@settings(max_examples=200)
@given(st.lists(JUDGED, min_size=1, max_size=20), st.sampled_from(["exclude", "order"]))
def test_rows_that_contradict_each_other_are_counted(rows, ties):
    config = IngestConfig(
        log={"files": "x.csv", "columns": {"user": "u", "item": "i", "time": "t"}},
        label={"column": "y"}, history={"ties": ties}, split={"by": "user_tail"},
    )  # fmt: skip
    columns = [list(map(str, column)) for column in zip(*rows, strict=True)]
    cells = pa.RecordBatch.from_arrays([pa.array(c) for c in columns], ["u", "i", "t", "y"])
    taken = clean(cells, config, np.arange(len(rows)))[0]
    kept = set(rows)  # duplicates are dropped
    clicked = {row[:3] for row in kept if row[3] == "1"}
    found = Shard(taken, config, WholeLog()).counts.notes.contradicting
    assert found == sum(row[3] == "0" and row[:3] in clicked for row in kept)


def test_rows_that_show_and_rows_that_click_are_told(tmp_path):
    rows = [(f"u{n % 6}", f"i{n % 9}", "c", TIMES + 60 * n, 0) for n in range(240)]
    rows += [(*row[:4], 1) for row in rows[::4]]
    _write(tmp_path / "a.csv", rows)
    (told,) = execute(_config(tmp_path), tmp_path / "out")["warnings"]
    assert told.startswith("`label`: 60 of 29")
    assert "are 0 where another row of the same user, item and time is 1" in told


def test_the_column_of_the_items_is_no_feature(tmp_path):
    for of in ("item", "context", "event"):
        with pytest.raises(
            ValueError, match=r"`features\.x` is the column of `log\.columns\.item`"
        ):
            _config(tmp_path, features={"x": {"of": of, "column": "item"}})
    _config(tmp_path, features={"x": {"of": "item", "column": "item", "before": "-"}})
    _config(tmp_path, features={"x": {"of": "user", "column": "user"}})


def test_notes_of_items_and_copies_add_up():
    one = Notes(alone={"a": (1, 2)}, copies={"b": (3, 4)})
    both = one + Notes(alone={"a": (10, 20), "c": (5, 5)})
    assert (both.alone, both.copies) == ({"a": (11, 22), "c": (5, 5)}, {"b": (3, 4)})
    assert remarks(Counts(), _config("nowhere")) == []
