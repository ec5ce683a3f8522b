"""The builders, on fixtures in the published formats, by TFDS's own test case."""

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.sources import datasets
from components.behavior_example_gen.sources.datasets.event_log import EventLog, Joined

FIXTURES = Path(__file__).resolve().parents[4] / "fixtures"


class _BuilderTest(tfds.testing.DatasetBuilderTestCase):
    SPLITS = {"train": 1}  # noqa: RUF012


class TaobaoTest(_BuilderTest):
    DATASET_CLASS = datasets.TaobaoUserBehavior
    EXAMPLE_DIR = str(FIXTURES / "taobao")


class TmallTest(_BuilderTest):
    DATASET_CLASS = datasets.TmallUserLog
    EXAMPLE_DIR = str(FIXTURES / "tmall")


class AlipayTest(_BuilderTest):
    DATASET_CLASS = datasets.AlipayUserLog
    EXAMPLE_DIR = str(FIXTURES / "alipay")


class KuairandTest(_BuilderTest):
    DATASET_CLASS = datasets.KuairandPure
    EXAMPLE_DIR = str(FIXTURES / "kuairand")
    SPLITS = {"train": 2}  # noqa: RUF012


class MovielensTest(_BuilderTest):
    DATASET_CLASS = datasets.Movielens1mPositions
    EXAMPLE_DIR = str(FIXTURES / "movielens_1m")


del _BuilderTest


def prepared(builder, folder, manual_dir):
    """Prepares a dataset; returns its columns, runs put together."""
    builder = builder(data_dir=str(folder))
    config = tfds.download.DownloadConfig(manual_dir=str(manual_dir))
    builder.download_and_prepare(download_config=config)
    runs = list(tfds.as_numpy(builder.as_dataset(split="train")))
    return {name: np.concatenate([run[name] for run in runs]) for name in runs[0]}, len(runs)


def test_every_row_in_its_order(tmp_path):
    columns, _ = prepared(datasets.TaobaoUserBehavior, tmp_path, FIXTURES / "taobao")
    with open(FIXTURES / "taobao" / "UserBehavior.csv", newline="") as file:
        rows = list(csv.reader(file))
    for place, name in enumerate(datasets.TaobaoUserBehavior.COLUMNS):
        cells = [c.decode() if isinstance(c, bytes) else str(c) for c in columns[name].tolist()]
        assert cells == [row[place] for row in rows]


def test_what_is_missing_and_what_is_joined_of_users(tmp_path):
    columns, _ = prepared(datasets.TmallUserLog, tmp_path, FIXTURES / "tmall")
    assert columns["time_stamp"][:4].tolist() == [511, 512, 530, 601]
    known = zip(columns["user_id"], columns["age_range"], columns["gender"], strict=True)
    assert {(int(user), age, gender) for user, age, gender in known} == {
        (328862, b"3", b"0"), (234512, b"2", b"1"), (356311, b"", b"2"), (41, b"0", b""),
    }  # fmt: skip
    assert columns["brand_id"][:4].tolist() == [b"2661", b"", b"2661", b"2661"]


def test_features_of_videos_and_users_are_joined(tmp_path):
    columns, runs = prepared(datasets.KuairandPure, tmp_path, FIXTURES / "kuairand")
    assert runs == 2  # one a file
    assert columns["video_id"][:4].tolist() == [7100, 10, 24, 3784]
    tags = dict(zip(columns["video_id"].tolist(), columns["tag"].tolist(), strict=True))
    assert (tags[10], tags[24], tags[3784], tags[4991]) == (b"23,12", b"8", b"", b"39")
    lasts = dict(zip(columns["video_id"].tolist(), columns["video_duration"], strict=True))
    assert lasts[10] == 9010 and np.isnan(lasts[4991])
    music = dict(zip(columns["video_id"].tolist(), columns["music_id"], strict=True))
    assert (music[10], music[4991]) == (b"770", b"")
    active = dict(zip(columns["user_id"].tolist(), columns["user_active_degree"], strict=True))
    assert active == {0: b"full_active", 11: b"UNKNOWN", 27284: b"high_active"}


def test_positions_are_those_of_the_ratings_times(tmp_path):
    columns, _ = prepared(datasets.Movielens1mPositions, tmp_path, FIXTURES / "movielens_1m")
    rows = zip(columns["user_id"], columns["position"], columns["movie_id"], strict=True)
    assert [tuple(map(int, row)) for row in rows] == [
        (1, 0, 1193), (1, 1, 260), (1, 2, 3), (1, 3, 2),
        (2, 0, 2000), (2, 1, 260), (2, 2, 1),
        (3, 0, 1), (3, 1, 1193), (3, 2, 2000),
    ]  # fmt: skip
    assert columns["genres"][2] == b"Drama|Musical"
    users = zip(columns["gender"], columns["age"], columns["occupation"], strict=True)
    assert list(users)[::4] == [(b"M", b"25", b"4"), (b"F", b"56", b"16"), (b"M", b"1", b"10")]


class ShopLog(EventLog, skip_registration=True):
    """A log of somebody's own."""

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Put the shop's export, day-*.csv, into manual_dir."
    FILES = "day-*.csv*"
    COLUMNS = {"user": np.int64, "action": str}  # noqa: RUF012
    RUN = 2


def test_a_log_of_ones_own(tmp_path):
    (tmp_path / "day-1.csv").write_text("action,user\npv,3\npv,4\nbuy,3\n")
    (tmp_path / "day-2.csv.gz").write_bytes(gzip.compress(b"user,action\n5,\n"))
    columns, runs = prepared(ShopLog, tmp_path / "data", tmp_path)
    assert runs == 3
    assert columns["user"].tolist() == [3, 4, 3, 5]
    assert columns["action"].tolist() == [b"pv", b"pv", b"buy", b""]


class BranchLog(ShopLog, skip_registration=True):
    """The same, with a table."""

    FILES = "day.csv"
    JOINED = (
        Joined(files="people.csv", key="user", columns={"age": np.float32, "rank": np.int64}),
    )


def test_a_table_is_joined_and_may_lack_a_key_or_a_cell(tmp_path):
    (tmp_path / "day.csv").write_text("user,action\n3,pv\n4,pv\n,buy\n5,pv\n")
    (tmp_path / "people.csv").write_text("age,rank,user\n30.5,2,3\n31,9,3\n,,4\n1,1,\n")
    columns, _ = prepared(BranchLog, tmp_path / "data", tmp_path)
    assert columns["user"].tolist() == [3, 4, -1, 5]
    assert columns["rank"].tolist() == [2, -1, -1, -1]
    np.testing.assert_array_equal(columns["age"], np.float32([30.5, np.nan, np.nan, np.nan]))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("user,action\n3,pv\n4\n", r"day-1.csv, row 3: row: wrong number of columns: '4'"),
        ("user,action\n3,pv\n\nx,pv\n", r"day-1.csv, row 4: user is not an integer: 'x'"),
    ],
)
def test_a_dataset_loses_no_row(tmp_path, text, says):
    (tmp_path / "day-1.csv").write_text(text)
    with pytest.raises(LogError, match=says):
        prepared(ShopLog, tmp_path / "data", tmp_path)


def test_says_what_to_download(tmp_path):
    builder = datasets.TaobaoUserBehavior(data_dir=str(tmp_path))
    config = tfds.download.DownloadConfig(manual_dir=str(tmp_path / "void"))
    with pytest.raises(AssertionError, match=r"download UserBehavior.csv.zip"):
        builder.download_and_prepare(download_config=config)
