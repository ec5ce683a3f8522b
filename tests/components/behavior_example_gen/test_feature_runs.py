"""Whole ingests with features: splits, joined tables, vectors, what is told and what is refused."""

import collections
import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pydantic
import pytest

from components.behavior_example_gen.check import check_log, fingerprint
from components.behavior_example_gen.config.ingest_config import IngestConfig
from components.behavior_example_gen.errors import LogError
from pipeline.config import load

from . import feature_oracle as oracle
from . import runs

ID = {"type": "int"}
COLUMNS = {"user": ID | {"column": "user"}, "item": ID | {"column": "item"}, "time": "time"}
NUMBER = {"type": "number", "buckets": 2}
FEATURES = {
    "author": {"of": "item", "column": "author"},
    "city": {"of": "user", "column": "city"},
    "tab": {"of": "context", "column": "tab"},
    "dwell": {"of": "event", "column": "dwell", **NUMBER},
}
DAY = 86_400


def _log(folder, late="late", since=7, users=8):
    """Ten days of ten items; from day `since` on, all that an item or a user is, is `late`."""
    lines = ["user,item,time,label,author,city,tab,dwell"]
    for user in range(users):
        for day in range(10):
            item = (3 * user + day) % 10
            known = f"a{item},c{user}" if day < since else f"{late},{late}"
            label = (user + day) % 2
            lines.append(f"{user},{item},{day * DAY},{label},{known},t{day % 3},{day}.5")
    (folder / "log.csv").write_text("\n".join(lines) + "\n")


def _config(folder, features=FEATURES, **sections):
    log = {"folder": str(folder), "files": "log.csv", "columns": COLUMNS} | sections.pop("log", {})
    split = {"by": "time", "validation": 0.1, "eval": 0.2}
    others = {"split": split, "label": {"column": "label"}} | sections
    return IngestConfig(log=log, features=features, **others)


def _items(folder, config):
    return oracle.unpack_items(runs.examples(folder, "items"), config)


def test_examples_hold_features_and_items_stand_apart(tmp_path):
    _log(tmp_path)
    config = _config(tmp_path, log={"shards": 1})
    check_log(config)
    counts = runs.execute(config, tmp_path / "one")
    items = _items(tmp_path / "one", config)
    assert items == {
        item: (
            sum((3 * u + d) % 10 == item for u in range(8) for d in range(7)),
            {"author": [author]},
        )
        for item in range(10)
        for author in [f"a{item}".encode()]
    }
    assert counts["items"] == {"items": 10, "differing": {"author": 0}}
    (train,) = [e for e in runs.features(tmp_path / "one", "train") if e["user_id"] == [3]]
    assert train["history_tab"] == [b"t0", b"t1", b"t2", b"t0", b"t1", b"t2"]
    assert train["target_tab"] == [b"t1", b"t2", b"t0", b"t1", b"t2", b"t0"]
    assert train["history_dwell"] == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]
    assert train["user_city"] == [b"c3"]
    assert not {"history_author", "target_author", "target_dwell", "item_author"} & set(train)

    several = config.model_copy(update={"log": config.log.model_copy(update={"shards": 5})})
    runs.execute(several, tmp_path / "five")
    for split in config.splits:
        found = [sorted(runs.examples(tmp_path / name, split)) for name in ("one", "five")]
        assert found[0] == found[1]


@pytest.mark.parametrize(("by", "since"), [("time", 7), ("user_tail", 8)])
def test_what_the_eval_period_says_of_items_and_users_reaches_nothing(tmp_path, by, since):
    split = {"by": by, "validation": 0.1, "eval": 0.2}
    written = []
    for late in ("one", "other"):
        folder = tmp_path / late
        folder.mkdir()
        _log(folder, late, since)
        runs.execute(_config(folder, split=split, log={"shards": 1}), folder / "out")
        files = sorted((folder / "out").glob("Split-*/*"))
        assert len(files) == 4
        written.append([(file.parent.name, file.read_bytes()) for file in files])
    assert written[0] == written[1]


def test_a_log_without_features_of_items_has_three_splits(tmp_path):
    _log(tmp_path)
    config = _config(tmp_path, {"tab": FEATURES["tab"]})
    counts = runs.execute(config, tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").glob("Split-*")) == [
        "Split-eval", "Split-train", "Split-validation",
    ]  # fmt: skip
    assert "items" not in counts


def _tables(folder, **people):
    """Of the items 0 to 8, one a second time, and one that no row has; and of two users."""
    rows = ["0,m0, x | y ,1.5", "1,,,", "2,m2,z,2", "2,again,z,3", "77,m77,x,nan"]
    rows += [f"{item},m{item},k|NULL,{item}" for item in range(3, 9)]
    (folder / "items.csv").write_text("\n".join(["id,maker,kinds,size", *rows]) + "\n")
    (folder / "people.csv").write_text("who,age\n0,30\n1,\n")
    return {
        "shop": {"of": "item", "files": "items.csv", "key": "id"},
        "people": {"of": "user", "files": "people.csv", "key": "who"} | people,
    }


JOINED = {
    "maker": {"of": "item", "column": "maker"},
    "kinds": {"of": "item", "column": "kinds", "type": "ids", "separator": "|"},
    "size": {"of": "item", "column": "size", **NUMBER},
    "age": {"of": "user", "column": "age", **NUMBER},
    "tab": FEATURES["tab"],
}


def test_tables_are_joined_by_item_and_user(tmp_path):
    _log(tmp_path)
    columns = COLUMNS | {"category": "kinds"}
    where = ["maker != m0"]
    tables = _tables(tmp_path, min_known=0.1, as_of="1970-01-09")
    log = {"tables": tables, "columns": columns, "where": where}
    config = _config(tmp_path, JOINED, log=log, history={"min_length": 0})
    check_log(config)
    counts = runs.execute(config, tmp_path / "out")
    found = _items(tmp_path / "out", config)
    assert set(found) == {*range(9), 77}
    rows = collections.Counter((3 * u + d) % 10 for u in range(8) for d in range(7))
    # Rows of an item without a maker, and of one that the table lacks, are dropped, too.
    assert {item: found[item][0] for item in found} == {
        item: 0 if item in (0, 1, 77) else rows[item] for item in found
    }
    assert found[0][1] == {"maker": [b"m0"], "kinds": [b"x", b"y"], "size": [1.5]}
    assert found[2][1] == {"maker": [b"m2"], "kinds": [b"z"], "size": [2.0]}
    assert found[8][1] == {"maker": [b"m8"], "kinds": [b"k"], "size": [8.0]}
    assert (found[1][1]["maker"], found[1][1]["kinds"]) == ([b""], [])
    assert math.isnan(found[1][1]["size"][0]) and math.isnan(found[77][1]["size"][0])
    users = {e["user_id"][0]: e["user_age"][0] for e in runs.features(tmp_path / "out", "train")}
    assert users[0] == 30.0
    assert all(math.isnan(age) for user, age in users.items() if user)
    categories = {c for e in runs.features(tmp_path / "out", "train") for c in e["target_category"]}
    assert categories == {b"z", b"k|NULL"}
    assert counts["known"] == {"shop": 72, "people": 20}
    told = "\n".join(counts["warnings"])
    assert "`log.tables.shop`: 1 rows have a key that an earlier row has" in told
    assert (
        "`log.tables.people` is as of 1970-01-09, but what is validated begins at 1970-01-0" in told
    )
    assert "min_known" not in told

    before = fingerprint(config)
    (tmp_path / "people.csv").write_text("who,age\n0,31\n1,\n2,3\n")
    assert fingerprint(config) != before


def test_few_known_keys_and_differing_items_are_told(tmp_path):
    _log(tmp_path)
    features = {
        "tab": {"of": "item", "column": "tab"},
        "age": JOINED["age"],
    }
    tables = {"people": _tables(tmp_path)["people"]}
    counts = runs.execute(_config(tmp_path, features, log={"tables": tables}), tmp_path / "out")
    few, differing, _ = counts["warnings"]
    assert "20 of 80 rows (25.0%) have a user that is in people.csv" in few
    assert counts["items"]["differing"]["tab"] > 5
    assert "`features.tab`: " in differing
    assert differing.endswith("it belongs to `of: context` or `of: event`.")


def test_a_context_is_not_advised_where_negatives_are_drawn(tmp_path):
    _log(tmp_path)
    features = {"tab": {"of": "item", "column": "tab"}}
    config = _config(tmp_path, features, label={"negatives": {}})
    differing, _ = runs.execute(config, tmp_path / "out")["warnings"]
    assert differing.endswith("not to `of: context`, as a drawn negative has its positive's.")


def _vectors(folder, rows, kind=None):
    kind = kind or pa.list_(pa.float32())
    table = {"id": pa.array([i for i, _ in rows]), "vector": pa.array([v for _, v in rows], kind)}
    pq.write_table(pa.table(table), folder / "covers.parquet")
    return {
        "cover": {"of": "item", "type": "vector", "file": "covers.parquet", "key": "id", "dim": 2}
    }


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.float64()), pa.list_(pa.float32(), 2), pa.large_list(pa.int32())]
)
def test_vectors(tmp_path, kind):
    _log(tmp_path)
    rows = [(5, [1, 2]), (0, [3, 4]), (5, [9, 9]), (1, None), (99, [7, 7])]
    if pa.types.is_fixed_size_list(kind):  # Arrow writes none of these that are null
        rows.remove((1, None))
    features = _vectors(tmp_path, rows, kind)
    config = _config(tmp_path, features)
    check_log(config)
    counts = runs.execute(config, tmp_path / "out")
    found = {item: of["cover"] for item, (_, of) in _items(tmp_path / "out", config).items()}
    assert (found[5], found[0]) == ([1.0, 2.0], [3.0, 4.0])
    assert all(np.isnan(found[item]).all() for item in (1, 2, 3))
    assert set(found) == set(range(10))
    assert "`features.cover`: 1 rows have a key that an earlier row has" in counts["warnings"][0]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([(1, [1, 2]), (2, None), (3, [1, 2, 3])], "covers.parquet.* 3 numbers in row 3, .*`dim`"),
        ([(1, [1, 2]), (2, [1, math.nan])], "covers.parquet.*a value in row 2 that is no finite"),
    ],
)
def test_a_wrong_vector_is_refused_with_its_row(tmp_path, rows, says):
    _log(tmp_path)
    with pytest.raises(LogError, match=says):
        check_log(_config(tmp_path, _vectors(tmp_path, rows)))
    texts = _vectors(tmp_path, [(1, ["a", "b"])], pa.list_(pa.string()))
    with pytest.raises(LogError, match=r"has the type list<.*string.*lists of 2 numbers"):
        check_log(_config(tmp_path, texts))
    lost = {"cover": texts["cover"] | {"key": "idd"}}
    with pytest.raises(LogError, match=r"no column 'idd'.*mean 'id'\? Mend `features.cover.key`"):
        check_log(_config(tmp_path, lost))


@pytest.mark.parametrize("keys", [[], [97, 98]])
def test_vectors_of_other_items_are_refused(tmp_path, keys):
    _log(tmp_path)
    config = _config(tmp_path, _vectors(tmp_path, [(key, [1, 2]) for key in keys]))
    with pytest.raises(LogError, match=r"covers.parquet: none of the .* training rows has an item"):
        runs.execute(config, tmp_path / "out")


def test_items_without_a_value_are_told(tmp_path):
    _log(tmp_path)
    config = _config(tmp_path, _vectors(tmp_path, [(item, [1, 2]) for item in range(5)]))
    counts = runs.execute(config, tmp_path / "out")
    known = sum((3 * user + day) % 10 < 5 for user in range(8) for day in range(7))
    told = f"`features.cover`: {known} of 56 training rows have an item with a value"
    assert [warning for warning in counts["warnings"] if warning.startswith(told)]


NOT_A_NUMBER = (
    r"feature dwell: not a number, first at .*log.csv:3, '.+'; one is written 1234.5, without"
)
COMMAS = r"column 'dwell' holds numbers with commas, such as '1,[05]"


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("$1.50", NOT_A_NUMBER),
        ("1.50 EUR", NOT_A_NUMBER),
        ('"1,5"', COMMAS),
        ('"1,005.50"', COMMAS),
    ],
)
def test_how_a_number_is_written_is_told(tmp_path, written, says):
    _log(tmp_path)
    text = (tmp_path / "log.csv").read_text()
    (tmp_path / "log.csv").write_text(text.replace("1.5\n", f"{written}\n"))
    with pytest.raises(LogError, match=says):
        check_log(_config(tmp_path))


AUTHOR = FEATURES["author"]


@pytest.mark.parametrize(
    ("features", "table", "says"),
    [
        ({"author": AUTHOR | {"column": "autor"}}, None, "has no column 'autor'.* mean 'author'"),
        (
            JOINED | {"author": AUTHOR | {"column": "makr"}},
            {},
            "`features.author`: there is no column 'makr' in the log or `log.tables.shop`"
            ".*Did you mean 'maker'",
        ),
        (
            JOINED | {"maker": {"of": "user", "column": "maker"}},
            {},
            "`features.maker` is of user, but the column 'maker' is in `log.tables.shop`, a table "
            "of items",
        ),
        (
            JOINED | {"maker": {"of": "context", "column": "maker"}},
            {},
            "`features.maker` is of context, but .*Set `of: item`",
        ),
        (
            JOINED | {"city": FEATURES["city"]},
            {"header": "who,age,city"},
            "'city' is in `log.tables.people` and in the log itself. Say in "
            "`log.tables.people.columns` which",
        ),
        (
            {"tab": FEATURES["tab"]},
            {},
            "`log.tables.shop` .* no column that is used. Present: id, k",
        ),
        (JOINED, {"key": "id"}, "people.csv.*no column 'id'"),
        (
            JOINED,
            {"text": "who,age\n0,old\n"},
            "`features.age`: in `log.tables.people` .*age of the user 0 is not a number: 'old'",
        ),
        (JOINED, {"text": "who,age\n400,3\n"}, "none of its 80 rows has a user that is in"),
    ],
)
def test_refused_before_anything_starts(tmp_path, features, table, says):
    _log(tmp_path)
    tables = {}
    if table is not None:
        tables = _tables(tmp_path, min_known=0, **{k: v for k, v in table.items() if k == "key"})
        text = table.get("text")
        if header := table.get("header"):
            text = f"{header}\n" + ",".join("1" * len(header.split(","))) + "\n"
        if text:
            (tmp_path / "people.csv").write_text(text)
    with pytest.raises(LogError, match=f"(?s){says}"):
        check_log(_config(tmp_path, features, log={"tables": tables}))


def test_a_table_is_for_the_columns_that_it_is_said_to_be(tmp_path):
    _log(tmp_path)
    tables = _tables(tmp_path, columns=["age"])
    (tmp_path / "people.csv").write_text("who,age,city\n0,30,elsewhere\n1,,elsewhere\n")
    config = _config(tmp_path, JOINED | {"city": FEATURES["city"]}, log={"tables": tables})
    check_log(config)
    runs.execute(config, tmp_path / "out")
    for example in runs.features(tmp_path / "out", "train"):
        assert example["user_city"] == [f"c{example['user_id'][0]}".encode()]
    lost = _tables(tmp_path, columns=["agee"])
    with pytest.raises(
        LogError, match=r"people.csv: has no column 'agee'. .*Mend `log.tables.people.columns`"
    ):
        check_log(_config(tmp_path, JOINED, log={"tables": lost}))


def test_a_column_of_items_and_of_users_is_that_of_whom_the_feature_is(tmp_path):
    _log(tmp_path)
    tables = _tables(tmp_path, min_known=0)
    (tmp_path / "people.csv").write_text("who,size\n" + "".join(f"{u},{u}.5\n" for u in range(8)))
    features = {"size": JOINED["size"], "height": {"of": "user", "column": "size", **NUMBER}}
    config = _config(tmp_path, features, log={"tables": tables})
    check_log(config)
    runs.execute(config, tmp_path / "out")
    assert _items(tmp_path / "out", config)[8][1] == {"size": [8.0]}
    train = runs.features(tmp_path / "out", "train")
    assert {e["user_id"][0]: e["user_height"] for e in train} == {u: [u + 0.5] for u in range(8)}
    columns = COLUMNS | {"category": "size"}
    with pytest.raises(
        LogError, match=r"`log.columns.category`: .*'size' is in `log.tables.shop` "
    ):
        check_log(_config(tmp_path, features, log={"tables": tables, "columns": columns}))


def test_a_few_unreadable_numbers_of_a_table_are_missing_and_told(tmp_path):
    _log(tmp_path)
    tables = _tables(tmp_path, min_known=0)
    lines = ["0,from 30", *(f"{user},{user}" for user in range(1, 100))]
    (tmp_path / "people.csv").write_text("\n".join(["who,age", *lines]) + "\n")
    config = _config(tmp_path, JOINED, log={"tables": tables, "max_bad_row_share": 0.01})
    check_log(config)
    counts = runs.execute(config, tmp_path / "out")
    users = {e["user_id"][0]: e["user_age"][0] for e in runs.features(tmp_path / "out", "train")}
    assert math.isnan(users.pop(0)) and all(age == user for user, age in users.items()) and users
    (said,) = [one for one in counts["warnings"] if "features.age" in one]
    assert "1 of 100 cells of 'age' are no numbers, and missing" in said
    says = (
        r"people.csv\), age of the user 0 is not a number: 'from 30', one of 1 such in 100 rows.* "
        r"`log.tables.people.max_bad_row_share` is 0.009\."
    )
    with pytest.raises(LogError, match=says):
        check_log(_config(tmp_path, JOINED, log={"tables": tables, "max_bad_row_share": 0.009}))
    tables["people"]["max_bad_row_share"] = 0.01  # its own, whatever that of the log
    check_log(_config(tmp_path, JOINED, log={"tables": tables, "max_bad_row_share": 0.009}))


@pytest.mark.parametrize("of", ["item", "user", "context"])
@pytest.mark.parametrize(
    ("column", "key"),
    [("label", "label.column"), ("fold", "split.column"), ("p", "log.columns.oracle")],
)
def test_what_a_model_must_not_know_is_no_feature(tmp_path, of, column, key):
    log = {"columns": COLUMNS | {"oracle": "p"}}
    split = {"by": "column", "column": "fold"}
    with pytest.raises(pydantic.ValidationError, match=f"`features.x` is the column of `{key}`"):
        _config(tmp_path, {"x": {"of": of, "column": column}}, log=log, split=split)
    _config(tmp_path, {"x": {"of": "event", "column": column}}, log=log, split=split)


def test_an_order_has_no_hours_and_no_days(tmp_path):
    columns = COLUMNS | {"time": {"column": "time", "unit": "order"}}
    history = {"session_gap": None}
    hour = {"hour": {"from": "time", "as": "hour_of_day"}}
    with pytest.raises(pydantic.ValidationError, match=r"`features.hour` is hour_of_day, but"):
        _config(tmp_path, hour, log={"columns": columns}, history=history)
    tables = _tables(tmp_path, as_of="2022-04-08")
    with pytest.raises(pydantic.ValidationError, match=r"`log.tables.people.as_of` is a day, but"):
        _config(tmp_path, JOINED, log={"columns": columns, "tables": tables}, history=history)


def test_context_of_targets_comes_from_the_impressions(tmp_path):
    rows = [f"{u},{i},{10 * t},{t},{t}" for t in range(30) for u, i in ((t % 3, t % 5),)]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,time,tab,dwell", *rows]) + "\n")
    rows = [f"{t % 3},{t % 5},{10 * t + 5},{t % 2},x{t}" for t in range(30)]
    (tmp_path / "shown.csv").write_text("\n".join(["user,item,time,label,page", *rows]) + "\n")
    shown = {"files": "shown.csv", "columns": COLUMNS}
    features = {
        "tab": FEATURES["tab"],
        "page": {"of": "context", "column": "page"},
        "dwell": FEATURES["dwell"],
    }
    config = _config(tmp_path, features, log={"impressions": shown})
    check_log(config)
    runs.execute(config, tmp_path / "out")
    for example in runs.features(tmp_path / "out", "train"):
        size = len(example["history_item"])
        assert example["history_tab"] == [str(t // 10).encode() for t in example["history_time"]]
        assert example["history_dwell"] == [t / 10 for t in example["history_time"]]
        assert example["history_page"] == [b""] * size
        assert example["target_page"] == [f"x{t // 10}".encode() for t in example["target_time"]]
        assert set(example["target_tab"]) == {b""}
    nowhere = features | {"where": {"of": "context", "column": "place"}}
    with pytest.raises(LogError, match=r"`features.where`: there is no column 'place' in the log"):
        check_log(_config(tmp_path, nowhere, log={"impressions": shown}))
    late = features | {"page": {"of": "event", "column": "page"}}
    with pytest.raises(LogError, match="no column 'page'"):
        check_log(_config(tmp_path, late, log={"impressions": shown}))


def test_drawn_negatives_share_the_context_of_their_positive(tmp_path):
    _log(tmp_path)
    config = _config(tmp_path, {"tab": FEATURES["tab"]}).model_dump()
    config["label"] = {"negatives": {"per_positive": 2}}
    runs.execute(IngestConfig.model_validate(config), tmp_path / "out")
    for example in runs.features(tmp_path / "out", "train"):
        tabs = collections.defaultdict(set)
        for time, tab in zip(example["target_time"], example["target_tab"], strict=True):
            tabs[time].add(tab)
        assert all(found == {f"t{time // DAY % 3}".encode()} for time, found in tabs.items())


def test_lists_of_a_table_are_ids(tmp_path):
    _log(tmp_path)
    table = {"id": [0, 1, 2], "kinds": [["x", None, " y "], [], None], "maker": ["m", "m", "m"]}
    pq.write_table(pa.table(table), tmp_path / "items.parquet")
    lines = [json.dumps({"id": 0, "kinds": ["x", None, " y "], "maker": "m"})]
    lines += [json.dumps({"id": 1, "kinds": [], "maker": "m"}), json.dumps({"id": 2, "maker": "m"})]
    (tmp_path / "items.jsonl").write_text("\n".join(lines))
    features = {"kinds": JOINED["kinds"], "maker": JOINED["maker"]}
    for name in ("items.parquet", "items.jsonl"):
        tables = {"shop": {"of": "item", "files": name, "key": "id", "min_known": 0}}
        config = _config(tmp_path, features, log={"tables": tables})
        runs.execute(config, tmp_path / "out")
        found = _items(tmp_path / "out", config)
        assert [found[item][1]["kinds"] for item in (0, 1, 2)] == [[b"x", b"y"], [], []]
        assert [found[item][1]["maker"] for item in (0, 1, 2)] == [[b"m"]] * 3

    as_one = {"kinds": {"of": "item", "column": "kinds"}}
    with pytest.raises(LogError, match=r"'kinds' holds lists.*`type: ids`"):
        check_log(_config(tmp_path, as_one, log={"tables": tables}))
    torn = {"kinds": JOINED["kinds"] | {"separator": "y"}}
    with pytest.raises(
        LogError,
        match=r"kinds of the item 0 is a list with an id that holds 'y'; set another `separator`: "
        r".*Mend it\.$",
    ):
        check_log(_config(tmp_path, torn, log={"tables": tables}))


KINDS = [["x", None, " y "], [], None, ["z"]]


def _lists_in_rows(folder):
    """Of each item in turn `KINDS`, of users what they like; 20 rows of 4 users."""
    rows = [
        {
            "user": user, "item": (user + n) % 4, "time": n * DAY, "label": (user + n) % 2,
            "kinds": KINDS[(user + n) % 4], "likes": [f"l{k}" for k in range(user)],
        }
        for user in range(4) for n in range(5)
    ]  # fmt: skip
    (folder / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))
    pq.write_table(pa.Table.from_pylist(rows), folder / "log.parquet")


LISTED = {
    "kinds": {"of": "item", "column": "kinds", "type": "ids"},
    "likes": {"of": "user", "column": "likes", "type": "ids", "max_values": 2},
}


@pytest.mark.parametrize("files", ["log.jsonl", "log.parquet"])
def test_lists_in_rows_of_one_event_are_ids(tmp_path, files):
    _lists_in_rows(tmp_path)
    split = {"by": "user_tail", "validation": 0.3, "eval": 0.3}
    config = _config(tmp_path, LISTED, log={"files": files}, split=split)
    check_log(config)
    counts = runs.execute(config, tmp_path / "out")
    assert (counts["rows"], counts["rows_kept"], counts["users"]) == (20, 20, 4)
    assert counts["missing"] == {"feature kinds": 10, "feature likes": 5}
    assert {item: of["kinds"] for item, (_, of) in _items(tmp_path / "out", config).items()} == {
        0: [b"x", b"y"], 1: [], 2: [], 3: [b"z"],
    }  # fmt: skip
    users = {e["user_id"][0]: e["user_likes"] for e in runs.features(tmp_path / "out", "train")}
    assert users == {0: [], 1: [b"l0"], 2: [b"l0", b"l1"], 3: [b"l0", b"l1"]}


@pytest.mark.parametrize("files", ["log.jsonl", "log.parquet"])
@pytest.mark.parametrize(
    ("features", "columns", "says"),
    [
        ({"kinds": {"of": "context", "column": "kinds"}}, {}, "`features.kinds`: .*Set `type: ids"),
        (LISTED, {"category": "kinds"}, "the column 'kinds' holds lists, but user, item and time"),
        ({}, {"behavior": "likes"}, "the column 'likes' holds lists, but user, item and time"),
    ],
)
def test_lists_where_a_row_has_one_value_are_refused(tmp_path, files, features, columns, says):
    _lists_in_rows(tmp_path)
    with pytest.raises(LogError, match=f"{files}: .*{says}"):
        check_log(_config(tmp_path, features, log={"files": files, "columns": COLUMNS | columns}))


def test_texts_in_lists_that_are_none_cost_their_row(tmp_path):
    _lists_in_rows(tmp_path)
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('\n{"user": 9, "item": 1, "time": 1, "label": 1, "kinds": ["\\ud800"]}')
    log = {"files": "log.jsonl", "max_bad_row_share": 0.1}
    counts = runs.execute(_config(tmp_path, LISTED, log=log), tmp_path / "out")
    assert counts["dropped"]["row: not utf-8 text"] == 1


def test_a_simulated_log_has_only_its_columns(tmp_path):
    simulator = {"simulator": {"users": 2}, "files": None, "columns": None}
    features = {"maker": {"of": "event", "column": "behaviour"}}
    with pytest.raises(LogError, match=r"no column 'behaviour' in the log.*mean 'behavior'"):
        check_log(_config(tmp_path, features, log=simulator))


def test_several_categories_are_a_feature_of_ids(tmp_path):
    case = runs.FIXTURES / "cases" / "multivalue_cat"
    overrides = [
        f"log.folder={case}",
        "log.columns.category=null",
        'features={genres: {of: item, column: cat, type: ids, separator: "|"}}',
    ]
    config = load(str(case / "c.yaml"), overrides).ingest
    check_log(config)
    runs.execute(config, tmp_path)
    rows = [line.split(",") for line in (case / "a.csv").read_text().splitlines()[1:]]
    texts = {row[1].encode(): set() for row in rows}
    for row in rows:
        texts[row[1].encode()].add(tuple(part.encode() for part in row[2].split("|")))
    (example,) = runs.features(tmp_path, "items")
    ends = np.cumsum(example["item_genres_length"])
    for item, end, size in zip(
        example["item_id"], ends, example["item_genres_length"], strict=True
    ):
        assert tuple(example["item_genres"][end - size : end]) in texts[item]
    assert max(example["item_genres_length"]) == 3


def test_chunks_of_items_rise(tmp_path):
    rows = "\n".join(f"{user},{item},{item},{item % 2}" for item in range(4500) for user in (1, 2))
    (tmp_path / "log.csv").write_text(f"user,item,time,label\n{rows}\n")
    (tmp_path / "items.csv").write_text("id,maker\n" + "".join(f"{i},m{i}\n" for i in range(9000)))
    tables = {"shop": {"of": "item", "files": "items.csv", "key": "id"}}
    config = _config(tmp_path, {"maker": JOINED["maker"]}, log={"tables": tables})
    counts = runs.execute(config, tmp_path / "out")
    found = runs.features(tmp_path / "out", "items")
    assert [len(example["item_id"]) for example in found] == [4096, 4096, 808]
    assert [i for example in found for i in example["item_id"]] == list(range(9000))
    assert [m for example in found for m in example["item_maker"]] == [
        f"m{i}".encode() for i in range(9000)
    ]
    assert counts["items"] == {"items": 9000, "differing": {}}
    assert json.loads((tmp_path / "out" / "counts.json").read_text())["known"] == {"shop": 9000}
