"""Features and tables that cannot be used are refused with their key and the way out."""

from __future__ import annotations

import pytest

from models import feature_config, features
from pipeline.config import Config, load
from pipeline.errors import ConfigError

AUTHOR = "author: {of: item, column: author_id}"


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("features={a: {of: item, colum: b}}", ["features.a.colum", "features.a.column"]),
        ("features={a: {of: itm, column: b}}", ["features.a.of", "'itm'", "'item'"]),
        ("features={a: {column: b}}", ["features.a.of: must be given"]),
        ("features={a: {of: item, column: b, type: numbr}}", ["features.a", "numbr", "'number'"]),
        ("features={a: {of: item, column: b, type: number}}", ["`boundaries` and `buckets`"]),
        (
            "features={a: {of: item, column: b, boundaries: [1]}}",
            ["features.a.boundaries", "a key of number", "features.a.type"],
        ),
        (
            "features={a: {of: event, column: b, type: number, boundaries: [2, 1]}}",
            ["features.a", "rise strictly", "[2.0, 1.0]"],
        ),
        ("features={a: {of: event, column: b, type: ids}}", ["features.a.of", "'event'"]),
        ("features={item: {of: item, column: b}}", ["taken", "Received: item"]),
        (
            "features={a: {of: item, column: b, type: ids}, a_length: {of: item, column: c}}",
            ["'a'", "'a_length'", "choose another name"],
        ),
        (
            "features={Ab: {of: item, column: b}}",
            ["features.Ab", "small letters, digits and _", "Received: 'Ab'"],
        ),
        (
            "log.columns.author=author_id",
            [
                "log.columns.author",
                "is a feature: write `features: {author: {of: ..., column: ...}}",
            ],
        ),
        ("log.columns.categry=c", ["nearest valid key is log.columns.category"]),
        ("log.columns.label=click", ["nearest valid key is label"]),
        ("features={h: {from: tim, as: hour_of_day}}", ["features.h.from", "'tim'"]),
        (
            "features={h: {from: time, as: hour_of_day, timezone: Mars/X}}",
            ["features.h.timezone", "Mars/X", "Europe/Berlin"],
        ),
        ("tables={x: {dim: 3}}", ["`tables` ['x']", "mend the name"]),
        ("tables={item: {dim: 3}}", ["tables.item", "model.item_dim"]),
        ("tables={item: {rows: hash}}", ["tables.item", "buckets"]),
        (
            "features={a: {of: item, column: b, min_count: 3, table: z}}",
            ["features.a.min_count", "tables.z.min_count"],
        ),
        (
            f"features={{{AUTHOR}, tab: {{of: event, column: d, table: author}}}}",
            ["author, tab", "tables of their own"],
        ),
        ("features={a: {of: item, column: b, table: category}}", ["features.a.table", "category"]),
    ],
)
def test_what_cannot_be_used_is_refused(override, words):
    with pytest.raises(ConfigError) as error:
        load("demo", [override])
    told = str(error.value)
    assert all(word in told for word in words), told
    assert told.count("Received: ") <= 1, told


def test_no_feature_is_called_as_a_column_that_code_makes():
    made = [text for text in vars(features).values() if isinstance(text, str)]
    prefixes = (features.HISTORY_PREFIX, features.TARGET_PREFIX, "user_", "item_")
    taken = {text.removeprefix(p) for text in made for p in prefixes if text.startswith(p)} - {""}
    assert {"item", "place", "fresh", "hist_end", "count", "id"} <= taken
    for name in taken:
        with pytest.raises(ConfigError, match=f"names that are taken. Received: {name}"):
            load("demo", [f"features={{{name}: {{of: context, column: b}}}}"])


COUNTED = "features={a: {of: item, column: b, min_count: 3}}"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("tables={a: {min_count: 2}}", "`tables.a.min_count` are one setting. Received: 3 and 2"),
        ("tables={a: {rows: hash, buckets: 9}}", "`tables.a` has `rows: hash` and knows none"),
    ],
)
def test_a_count_is_said_once(table, words):
    with pytest.raises(ConfigError) as error:
        load("demo", [COUNTED, table])
    assert "`features.a.min_count`" in str(error.value) and words in str(error.value)


def test_a_table_of_a_feature_that_counts_may_say_the_rest():
    config = load("demo", [COUNTED, "tables={a: {dim: 16, max_size: 7}}"])
    table = feature_config.table_of("a", config.features, config.tables)
    assert (table.min_count, table.dim, table.max_size) == (3, 16, 7)


@pytest.mark.parametrize(("written", "meant"), [("tab", "\t"), (r"\x01", "\x01"), ("::", "::")])
def test_separators_are_written_as_delimiters_are(written, meant):
    feature = f"features={{a: {{of: item, column: b, type: ids, separator: '{written}'}}}}"
    assert load("demo", [feature]).features["a"].separator == meant


def test_a_feature_needs_little():
    config = load("demo", [f"features={{{AUTHOR}, hour: {{from: time, as: hour_of_day}}}}"])
    author, hour = config.features["author"], config.features["hour"]
    assert (author.type, author.of, author.table) == ("id", "item", None)
    assert (hour.of, hour.as_, hour.timezone) == ("context", "hour_of_day", "UTC")
    assert Config.model_validate_json(config.model_dump_json()) == config


def test_tables_are_shared_by_name():
    shared = "{of: user, column: likes, type: ids, table: author}"
    config = load("demo", [f"features={{{AUTHOR}, likes: {shared}}}", "tables.author.min_count=3"])
    assert feature_config.tables_of(config.features) == {"author": ["author", "likes"]}
    table = feature_config.table_of("author", config.features, config.tables)
    assert (table.min_count, table.rows) == (3, "vocabulary")
