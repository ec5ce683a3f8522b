"""The shipped configurations on hand-written logs in the exact formats of the published files."""

import collections
import csv
import gzip
import json
import math

import numpy as np
import pytest

from components.behavior_example_gen.check import check_log
from components.behavior_example_gen.config.ingest_config import SPLITS
from tests.components.behavior_example_gen import feature_oracle, runs

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
    "taobao_ad": (48, {}),
    "recflow": (48, {"where: realshow == 1": 1}),
}

# By configuration, read off the fixtures: what is known of some items, in how many training rows;
# a user; and what the training example says of that one, where lists may go on.
FEATURES = {
    "movielens_1m": (
        {
            1: (4, {"genres": [b"Animation", b"Children's", b"Comedy"], "year": [b"1995"]}),
            1193: (5, {"genres": [b"Drama"], "year": [b"1975"]}),
        },
        1,
        {"user_gender": [b"M"], "user_age": [b"25"], "user_occupation": [b"4"]},
    ),
    "online_retail": (
        {},
        13047,
        {
            "user_country": [b"United Kingdom"],
            "history_item": [b"21730", b"22728", b"22728", b"84406B", b"22633", b"84406B"],
            "history_price": [2.55, 2.55, 2.55, 2.75, 2.55, 2.55],
        },
    ),
    "tmall": (
        {
            575153: (5, {"seller": [b"2008"], "brand": [b"2661"]}),
            844400: (6, {"seller": [b"2002"], "brand": [b""]}),
        },
        234512,
        {"user_age": [b"2"], "user_gender": [b"1"]},
    ),
    "alipay": ({9723: (6, {"seller": [b"23"]}), 88: (3, {"seller": [b"38"]})}, 1027, {}),
    "kuairand": (
        {
            10: (
                6,
                {
                    "author": [b"30"],
                    "tags": [b"23", b"12"],
                    "music": [b"770"],
                    "duration": [9010],
                },
            ),
            4991: (
                6,
                {"author": [b"14973"], "tags": [b"39"], "music": [b""], "duration": [math.nan]},
            ),
            7120: (  # never shown
                0,
                {
                    "author": [b"21360"],
                    "tags": [b"12", b"39"],
                    "music": [b"548240"],
                    "duration": [16120],
                },
            ),
        },
        0,
        {
            "label": [1, 0, 1, 1, 0, 1, 1],
            "label_long_view": [1, 0, 1, 1, 0, 1, 1],
            "label_like": [0, 1, 0, 1, 0, 0, 0],  # one without a click
            "user_activity": [b"full_active"],
            "history_tab": [b"1", b"4", b"1", b"4"],
            "target_tab": [b"4", b"1", b"4", b"1"],
            "history_item": [7100, 10, 24, 3784],
            "history_category": [b"8", b"23", b"8", b""],
            "history_dwell": [4008, 4010, 12, 4014],
        },
    ),
    "taobao_ad": (
        {
            51: (
                9,
                {
                    "campaign": [b"81"],
                    "advertiser": [b"31"],
                    "brand": [b"4001"],
                    "price": [170],
                },
            ),
            53: (
                5,
                {"campaign": [b"83"], "advertiser": [b"32"], "brand": [b""], "price": [38]},
            ),
        },
        7001,
        {
            "user_segment": [b"4"],
            "user_group": [b"2"],
            "user_gender": [b"1"],
            "user_age": [b"2"],
            "user_spending": [b""],
            "user_depth": [b"1"],
            "user_student": [b"1"],
            "user_city": [b"2"],
            "history_slot": [b"430001_1007", b"430001_1007", b"430002_1007"],
            "target_slot": [b"430001_1007", b"430002_1007", b"430001_1007"],
            "history_category": [901, 903, 901],
        },
    ),
    "recflow": (
        {
            103: (
                7,
                {"author": [b"13"], "topic": [b"2"], "upload": [b"1"], "duration": [30300]},
            ),
        },
        6,
        {
            "user_age": [b"4"],
            "user_gender": [b"0"],
            "user_province": [b"30"],
            "history_item": [103, 106, 103],  # in the third of the requests, one was not shown
            "history_device": [b"60", b"60", b"60"],
            "history_watched": [15510, 911, 15540],
            "target_request": [0, 1, 1],
        },
    ),
}


@pytest.fixture(scope="module", params=ROWS)
def run(request, tmp_path_factory):
    """The name of a configuration, its counts and its examples by split, items unpacked."""
    config = runs.shipped(request.param)
    check_log(config)
    folder = tmp_path_factory.mktemp(request.param)
    counts = runs.execute(config, folder)
    examples = {split: runs.features(folder, split) for split in SPLITS}
    if config.has_items:
        raw = runs.examples(folder, "items")
        examples["items"] = feature_oracle.unpack_items(raw, config)
    return request.param, counts, examples


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
        "taobao_ad": {901, 902, 903},
        "recflow": {21, 22, 23, 24, 25},
    }
    assert expected[name] <= values("history_category")
    behaviors = {
        "movielens_1m": {1, 2, 3, 4, 5},
        "taobao": {b"pv", b"fav", b"cart", b"buy"},
        "tmall": {0, 1, 2, 3},
        "alipay": {0, 1},
        "kuairand": {0, 1},
        "taobao_ad": {0, 1},
        "recflow": {0, 1},
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
        "taobao_ad": (1494000000, 1494658003),
        "recflow": (1705075200, 1705240800),
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


def test_the_features_are_those_of_the_log(run):
    name, counts, examples = run
    items, user, expected = FEATURES.get(name, ({}, None, {}))
    np.testing.assert_equal({item: examples["items"][item] for item in items}, items)
    assert set(counts.get("items", {}).get("differing", {}).values()) <= {0}
    found = [example for example in examples["train"] if example["user_id"] == [user]]
    assert len(found) == (user is not None)
    for example in found:
        for feature, values in expected.items():
            assert example[feature][: len(values)] == pytest.approx(values), feature
    # Of events, or of items.
    hidden = {"target_dwell", "target_price", "target_watched", "history_seller"}
    assert not any(hidden & set(example) for split in SPLITS for example in examples[split])


def test_movielens_by_hand():
    config = runs.shipped("movielens_1m")
    assert config.used_columns() == [
        "user_id", "movie_id", "genres", "rating", "position", "title", "gender", "age",
        "occupation",
    ]  # fmt: skip


def test_every_row_of_the_real_log_is_accounted_for(shared_data, tmp_path):
    config = runs.shipped("online_retail", shared_data / "online-retail")
    split = config.split.model_copy(update={"eval_per_user": 1})  # for time's sake
    counts = runs.execute(config.model_copy(update={"split": split}), tmp_path)
    lost = {r: n for r, n in counts["dropped"].items() if not r.startswith("target: ")}
    assert lost == {"user: missing": 135_080, "where: Quantity > 0": 8_905, "duplicate": 10_027}
    assert counts["rows"] == 541_909 == counts["rows_kept"] + sum(lost.values())
    assert counts["missing"] == {}  # those without a description have no customer either
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
