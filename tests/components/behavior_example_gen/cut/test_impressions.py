"""Impressions as a table of their own, as-of joined to the behaviours, against a literal oracle."""

import collections
import dataclasses
import itertools

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.behavior_example_gen.beam import progress
from components.behavior_example_gen.check import check_log
from components.behavior_example_gen.clean.clean import clean
from components.behavior_example_gen.config.ingest_config import SPLITS
from components.behavior_example_gen.cut.items import CombineItems, count_pairs
from components.behavior_example_gen.cut.targets import WholeLog
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.shard import Shard
from tests.components.behavior_example_gen import logs, oracle
from tests.components.behavior_example_gen.texts import write_log

SHOWN = {key: column for key, column in logs.COLUMNS.items() if key != "behavior"}


ORDER = {"column": "t", "unit": "order"}


def _config(own_category=True, history=None, named=False, **log):
    columns = SHOWN if own_category else {k: c for k, c in SHOWN.items() if k != "category"}
    columns = columns | (logs.REQUEST if named else {})
    impressions = {"files": "shown.parquet", "columns": columns}
    return logs.config(
        log={"impressions": impressions} | log,
        history={"include": "all"} | (history or {}) | {"include": "all"},
    )


def _catalogue(behaviours, config):
    rows = clean(logs.cells(behaviours), config, np.arange(len(behaviours)))[0]
    combine = CombineItems()
    tables = combine.add_input(combine.create_accumulator(), count_pairs(rows))
    return combine.extract_output(tables)


def _literal(behaviours, impressions, config):
    """The targets of every split: two loops, and what a target sees is one more."""
    behaviours = [dataclasses.replace(row, label=None, request=None) for row in behaviours]
    kept = [dataclasses.replace(row, behavior=0) for row in impressions if row.label is not None]
    if config.request is None:
        kept = [dataclasses.replace(row, request=None) for row in kept]
    if config.log.impressions.columns.category is None:
        kept = [dataclasses.replace(r, category=_usual(r.item, behaviours)) for r in kept]
    if config.log.duplicates == "drop":
        behaviours, kept = list(dict.fromkeys(behaviours)), list(dict.fromkeys(kept))
    by_log = config.history.ties == "order"
    key = (lambda row: row.time) if by_log else oracle.content
    found = {name: [] for name in SPLITS}
    for user in {row.user for row in kept}:
        shown = sorted((row for row in kept if row.user == user), key=key)
        done = sorted((row for row in behaviours if row.user == user), key=key)
        seen = []
        requests = []
        for target in shown:
            first = next(r for r in shown if _together(r, target))
            target = dataclasses.replace(target, time=first.time)
            past = [row for row in done if row.time < target.time]
            if len(past) >= config.history.min_length:
                requests.append(shown.index(first))
                seen.append(oracle.see(target, past, config))
        rising = sorted(set(requests))
        for target, request in zip(seen, requests, strict=True):
            number = rising.index(request)
            split = oracle.tail_split(number, len(rising), config)
            found[split].append(dataclasses.replace(target, request=number))
    return {name: sorted(targets) for name, targets in found.items()}


def _together(one, other):
    if one.request is None and other.request is None:
        return one.time == other.time
    return one.request == other.request


def _usual(item, behaviours):
    """The category that most rows of the item have, of several the least; 0 without any."""
    counts = collections.Counter(row.category for row in behaviours if row.item == item)
    return min(counts, key=lambda category: (-counts[category], category), default=0)


@settings(max_examples=200)
@given(
    logs.rows(size=30),
    logs.rows(size=15),
    logs.histories(),
    st.sampled_from(["drop", "keep"]),
    st.booleans(),
    st.booleans(),
    st.randoms(),
)
def test_an_impression_sees_what_was_strictly_earlier(
    behaviours, impressions, history, duplicates, own_category, named, random
):
    config = _config(own_category, history, named, duplicates=duplicates)
    impressions = [*impressions, dataclasses.replace(impressions[0], item=99)]  # in no behaviour
    earlier = np.arange(len(impressions)) - 2**50
    tables = [
        clean(logs.cells(behaviours), config, np.arange(len(behaviours)), "log")[0],
        clean(logs.cells(impressions), config, earlier, "impressions")[0],
    ]
    random.shuffle(tables)  # either may be read first
    rows = pa.Table.from_batches(tables).combine_chunks().to_batches()[0]
    shard = Shard(rows, config, WholeLog(_catalogue(behaviours, config)))
    expected = _literal(behaviours, impressions, config)
    for name in SPLITS:
        assert oracle.unpack(shard.encode(name)) == expected[name]
        assert shard.counts.splits[name]["targets"] == len(expected[name])


@pytest.mark.parametrize("own_category", [True, False])
def test_from_files_to_examples(tmp_path, own_category):
    from tests.components.behavior_example_gen import runs

    random = np.random.default_rng(5)
    names = ("user", "time", "item", "category", "behavior", "label")

    def table(size):
        highest = (9, 1000, 12, 3, 2, 2)
        return [oracle.Row(*random.integers(0, highest).tolist()) for _ in range(size)]

    behaviours, impressions = table(900), table(300)
    missing = [dataclasses.replace(row, label=None) for row in impressions[:3]]
    lines = [",".join(str(getattr(row, n)) for n in names[:5]) for row in behaviours]
    write_log(tmp_path / "log.csv.gz", "\n".join([",".join(names[:5]), *lines]))
    cells = pa.Table.from_batches([logs.cells(impressions + missing)]).drop_columns("behavior")
    pa.parquet.write_table(cells, tmp_path / "shown.parquet")
    config = _config(
        own_category, folder=str(tmp_path), files="log.csv.gz", shards=3, duplicates="keep"
    )
    before = collections.Counter(progress.so_far())
    check_log(config)
    told = collections.Counter(progress.so_far()) - before
    assert (told["files"], told["checked"]) == (2, 2)
    counts = runs.execute(config, tmp_path / "out")
    expected = _literal(behaviours, impressions, config)
    for name in SPLITS:
        assert oracle.unpack(runs.examples(tmp_path / "out", name)) == expected[name]
    assert counts["rows"] == 1203
    assert counts["dropped"]["label: missing"] == 3
    assert counts["rows_kept"] == 1200


def test_impressions_that_cannot_be_used_are_refused_before_the_start(tmp_path):
    write_log(tmp_path / "log.csv", "user,item,category,time,behavior\n" + "1,2,3,4,0\n" * 9)
    config = _config(folder=str(tmp_path), files="log.csv", max_bad_row_share=1)
    cells = pa.Table.from_batches([logs.cells([oracle.Row(1, 2, 3, 4, 0, None)])])
    pa.parquet.write_table(cells, tmp_path / "shown.parquet")
    says = r"shown.parquet in '.*': none of the first 1 rows can be used(.|\n)* 1  label: missing"
    with pytest.raises(LogError, match=says):
        check_log(config)
    pa.parquet.write_table(cells.slice(1), tmp_path / "shown.parquet")
    with pytest.raises(LogError, match=r"shown.parquet in '.*': is empty: it has no rows"):
        check_log(config)


@pytest.mark.parametrize(
    ("sections", "says"),
    [
        ({"label": {"negatives": {}}}, "`log.impressions` needs `label.column`"),
        ({"history": {"include": "positive"}}, "with `log.impressions` the behaviours have none"),
        (
            {"log": {"impressions": {"files": "b", "columns": SHOWN | {"user": "user"}}}},
            "`log.columns.user` has type int, and `log.impressions.columns.user` type string",
        ),
        (
            {"log": {"impressions": {"files": "b", "columns": SHOWN | {"time": ORDER}}}},
            "must both be an order, or both be times. Received: None and order",
        ),
        ({"log": {"impressions": {"columns": SHOWN}}}, "needs `files` or a `source`"),
    ],
    ids=itertools.count(),
)
def test_tables_that_do_not_fit(sections, says):
    log = {"impressions": {"files": "b", "columns": SHOWN}} | sections.pop("log", {})
    with pytest.raises(ValueError, match=says):
        logs.config(log=log, **sections)
