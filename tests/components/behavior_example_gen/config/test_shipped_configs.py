"""The shipped configurations on hand-written logs in the exact formats of the published files."""

import collections
import csv
import gzip
import json

import pytest

from components.behavior_example_gen.check import check_log
from components.behavior_example_gen.config.ingest_config import SPLITS
from tests.components.behavior_example_gen import runs

ROWS = {
    "movielens_1m": (25, {}),
    "online_retail": (82, {"user: missing": 2, "where: Quantity > 0": 1, "duplicate": 1}),
    "uboot_touch": (54, {}),
    "taobao": (
        63,
        {
            "where: timestamp >= 1511539200": 1,
            "where: timestamp < 1512316800": 1,
            "duplicate": 1,
        },
    ),
    "tmall": (43, {}),
    "alipay": (43, {}),
    "kuairand": (36, {}),
}


@pytest.fixture(scope="module", params=ROWS)
def run(request, tmp_path_factory):
    """The name of a configuration, its counts and its examples by split."""
    config = runs.shipped(request.param)
    check_log(config)
    folder = tmp_path_factory.mktemp(request.param)
    counts = runs.execute(config, folder)
    return request.param, counts, {split: runs.features(folder, split) for split in SPLITS}


def test_every_row_is_accounted_for(run):
    name, counts, _ = run
    rows, dropped = ROWS[name]
    found = {r: n for r, n in counts["dropped"].items() if not r.startswith("target: ")}
    assert (counts["rows"], found) == (rows, dropped)
    assert counts["rows_kept"] == rows - sum(dropped.values())


def test_what_the_columns_mean(run):
    name, _, examples = run
    everything = [example for split in SPLITS for example in examples[split]]

    def values(feature):
        return {value for example in everything for value in example[feature]}

    expected = {
        "movielens_1m": {b"Animation", b"Adventure", b"Drama", b"Action"},
        "uboot_touch": {b"ROOT", b"board/mvs1", b"common", b"doc", b"drivers/net", b"include"},
        "kuairand": {b"23", b"8", b"", b"39"},
        "taobao": {2520377, 411153, 2735466},
        "alipay": {30, 31, 33},
        "tmall": {803, 804, 805, 806},
        "online_retail": {b"WHITE", b"CREAM", b"SET", b"POSTAGE"},
    }
    assert expected[name] <= values("history_category")
    behaviors = {
        "movielens_1m": {1, 2, 3, 4, 5},
        "taobao": {b"pv", b"fav", b"cart", b"buy"},
        "tmall": {0, 1, 2, 3},
        "alipay": {0, 1},
        "kuairand": {0, 1},
    }
    if name in behaviors:
        assert values("history_behavior") == behaviors[name]
    else:
        assert all("history_behavior" not in example for example in everything)
    times = {
        "movielens_1m": (0, 10),
        "online_retail": (1291191960, 1292142360),  # 2010-12-01 08:26 to 2010-12-12 08:26
        "taobao": (1511539200, 1512316800),
        "tmall": (74390400, 90374400),  # 1972-05-11 to 11-12
        "alipay": (1435708800, 1448755200),  # 2015-07-01 to 11-29
        "kuairand": (1649347200, 1651075227),
    }
    if name in times:
        least, most = times[name]
        assert least <= min(values("history_time"))
        assert max(values("history_time")) <= most


def test_eval_has_both_labels_and_one_target_each(run):
    _, counts, examples = run
    assert {example["label"][0] for example in examples["eval"]} == {0.0, 1.0}
    assert all(len(example["label"]) == 1 for example in examples["eval"])
    assert min(split["targets"] for split in counts["splits"].values()) > 0


def test_movielens_by_hand():
    config = runs.shipped("movielens_1m")
    assert config.used_columns() == ["user_id", "movie_id", "genres", "rating", "position"]


def test_kuairand_joins_and_measures(tmp_path):
    runs.execute(runs.shipped("kuairand"), tmp_path)
    train = {example["user_id"][0]: example for example in runs.features(tmp_path, "train")}
    first = train[0]
    assert first["history_item"][:4] == [7100, 10, 24, 3784]
    assert first["history_category"][:4] == [b"8", b"23", b"8", b""]
    assert first["history_dwell"][:4] == [4008.0, 4010.0, 12.0, 4014.0]
    assert first["history_time"][0] == 1649347200


def test_every_row_of_the_real_log_is_accounted_for(shared_data, tmp_path):
    config = runs.shipped("online_retail", shared_data / "online-retail")
    split = config.split.model_copy(update={"eval_per_user": 1})  # for time's sake
    counts = runs.execute(config.model_copy(update={"split": split}), tmp_path)
    lost = {r: n for r, n in counts["dropped"].items() if not r.startswith("target: ")}
    assert lost == {"user: missing": 135_080, "where: Quantity > 0": 8_905, "duplicate": 10_126}
    assert counts["rows"] == 541_909 == counts["rows_kept"] + sum(lost.values())
    assert counts["users"] == 4_339  # 4,372, but 33 of them have only returns

    with gzip.open(shared_data / "online-retail" / "transactions.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))  # no cell spans lines: row i is on line i + 2
    anonymous = [not row["CustomerID"] for row in rows]
    returned = [
        float(row["Quantity"]) <= 0 and not none for row, none in zip(rows, anonymous, strict=True)
    ]
    assert (len(rows), sum(anonymous), sum(returned)) == (541_909, 135_080, 8_905)
    quarantine = [json.loads(line) for line in (tmp_path / "quarantine.jsonl").open()]
    assert collections.Counter(row["reason"] for row in quarantine) == dict.fromkeys(lost, 20)
    for reason, faulty in (("user: missing", anonymous), ("where: Quantity > 0", returned)):
        lines = [row["line"] for row in quarantine if row["reason"] == reason]
        assert lines == [i + 2 for i, bad in enumerate(faulty) if bad][:20]
    for row in quarantine:
        if row["reason"] != "duplicate":
            assert row["row"] == {name: rows[row["line"] - 2][name] for name in row["row"]}
