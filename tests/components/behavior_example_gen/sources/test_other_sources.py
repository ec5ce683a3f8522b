"""Sources that are no files: TFDS, BigQuery, any Beam IO; and files that are not local."""

import gzip
import importlib.util
import io
import uuid

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from apache_beam.io.filesystem import FileMetadata, FileSystem
from apache_beam.io.filesystems import FileSystems
from apache_beam.testing.util import assert_that

from components.behavior_example_gen import sources
from components.behavior_example_gen.check import check_log
from components.behavior_example_gen.config.ingest_config import SPLITS, IngestConfig
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.sources import datasets
from tests.components.behavior_example_gen import logs, runs

ROWS = [
    {"user": u, "item": t % 5, "category": t % 3, "behavior": t % 2, "time": t, "label": t % 2}
    for u in range(6)
    for t in range(u, 40 + u)
]


def _written(folder, /, **log):
    """The examples of the rows above from another source, and its counts."""
    counts = runs.execute(logs.config(log={"files": None} | log), folder)
    return [sorted(runs.examples(folder, split)) for split in SPLITS], counts


@pytest.fixture(scope="module")
def from_csv(tmp_path_factory):
    """The examples that the same rows give from a file."""
    folder = tmp_path_factory.mktemp("csv")
    lines = [",".join(map(str, row.values())) for row in ROWS]
    (folder / "log.csv").write_text("\n".join([",".join(ROWS[0]), *lines]))
    return _written(folder / "out", folder=str(folder), files="log.csv")


def give(kind):
    """What a configuration names by `beam:` in these tests: a transform that reads."""
    batch = pa.RecordBatch.from_pylist([row | {"further": 1} for row in ROWS])
    return {
        "rows": beam.Create(ROWS),
        "batches": beam.Create([batch.slice(0, 100), batch.slice(100)]),
        "tables": beam.Create([pa.Table.from_batches([batch])]),
        "texts": beam.Create(["1,2"]),
        "nothing": None,
    }[kind]


@pytest.mark.parametrize("kind", ["rows", "batches", "tables"])
def test_any_beam_transform(tmp_path, from_csv, kind):
    log = {"source": f"beam:{__name__}.give", "options": {"kind": kind}, "shards": 4}
    assert _written(tmp_path, **log)[0] == from_csv[0]


def test_an_io_of_beam(tmp_path, from_csv):
    pa.parquet.write_table(pa.Table.from_pylist(ROWS), tmp_path / "log.parquet")
    options = {"file_pattern": f"{tmp_path}/*.parquet"}
    for function in ("ReadFromParquet", "ReadFromParquetBatched"):
        log = {"source": f"beam:apache_beam.io.parquetio.{function}", "options": options}
        examples, counts = _written(tmp_path / function, **log, shards=4)
        assert examples == from_csv[0]
        assert counts["rows"] == len(ROWS)


@pytest.mark.parametrize(
    ("source", "options", "says"),
    [
        ("beam:nowhere.Read", {}, "No module named 'nowhere'. Name a function or class"),
        ("beam:apache_beam.io.ReadFromNowhere", {}, "no attribute 'ReadFromNowhere'"),
        ("beam:apache_beam.io.ReadFromAvro", {"pattern": "*"}, "cannot be called with `log.option"),
        (
            f"beam:{__name__}.give",
            {"kind": "nothing"},
            "must return a Beam PTransform. Received: N",
        ),
        (f"beam:{__name__}.give", {"kind": "texts"}, "must give mappings .* Received: str"),
        ("bigquery:table", {}, "must be bigquery:PROJECT.DATASET.TABLE. Received: bigquery:table"),
        ("tfds:no_such_log", {}, "Everlong's own datasets: .*taobao_user_behavior"),
        ("tfds:taobao_user_behavior", {"data_dir": "/void"}, "not prepared in /void"),
    ],
)
def test_sources_that_cannot_be_used(tmp_path, source, options, says):
    with pytest.raises(LogError, match=says):
        _written(tmp_path, source=source, options=options)


def test_an_order_that_is_not_kept_is_refused():
    log = {"files": None, "source": "beam:apache_beam.Create", "options": {"values": []}}
    with pytest.raises(LogError, match=r"`history.ties: order` needs the order of the log"):
        check_log(logs.config(log=log, history={"ties": "order"}))


def test_a_query_is_never_taken_from_the_cache():
    config = logs.config(
        log={"files": None, "source": f"beam:{__name__}.give", "options": {"kind": "rows"}}
    )
    assert sources.fingerprint(config) != sources.fingerprint(config)


def test_bigquery_is_read_by_storage_api_and_column(monkeypatch):
    given = {}

    class Read(beam.PTransform):
        Method = beam.io.ReadFromBigQuery.Method

        def __init__(self, **arguments):
            super().__init__()
            given.update(arguments)

    real = beam.io.ReadFromBigQuery
    options = {"row_restriction": "day > '2026-01-01'"}
    log = {"files": None, "source": "bigquery:shop.logs.events", "options": options}
    config = logs.config(log=log)
    monkeypatch.setattr(beam.io, "ReadFromBigQuery", Read)
    sources.open_sources(config)
    assert given == {
        "table": "shop:logs.events",
        "method": real.Method.DIRECT_READ,
        "selected_fields": ["user", "item", "category", "behavior", "time", "label"],
        "row_restriction": "day > '2026-01-01'",
    }
    real(**given)  # takes them


class Shop(datasets.EventLog, skip_registration=True):
    """The rows above."""

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Put log.csv into manual_dir."
    FILES = "log.csv"
    COLUMNS = dict.fromkeys(ROWS[0], np.int64)
    RUN = 50


class ShopEvents(Shop, skip_registration=True):
    """The same, an event an example."""

    def _info(self):
        features = {name: tfds.features.Scalar(np.int64) for name in self.COLUMNS}
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                features | {"tags": tfds.features.Tensor(shape=(None,), dtype=np.int64)}
            ),
        )

    def _generate_examples(self, folder):
        del folder
        yield from ((i, row | {"tags": [1, 2]}) for i, row in enumerate(ROWS))


@pytest.mark.parametrize(
    ("builder", "subsplit"), [(Shop, ""), (ShopEvents, ""), (ShopEvents, "[:100%]")]
)
def test_tfds(tmp_path, from_csv, builder, subsplit):
    lines = [",".join(map(str, row.values())) for row in ROWS]
    (tmp_path / "log.csv").write_text("\n".join([",".join(ROWS[0]), *lines]))
    shop = builder(data_dir=str(tmp_path))
    config = tfds.download.DownloadConfig(manual_dir=str(tmp_path))
    shop.download_and_prepare(download_config=config)
    log = {"source": f"tfds:{shop.name}:train{subsplit}", "options": {"data_dir": str(tmp_path)}}
    examples, counts = _written(tmp_path / "out", **log, shards=4)  # read without its code
    assert examples == from_csv[0]
    assert counts["rows"] == len(ROWS)
    with pytest.raises(LogError, match=r"no split 'test'. Present: train"):
        _written(tmp_path / "out", **log | {"source": f"tfds:{shop.name}:test"})
    if builder is ShopEvents:
        columns = logs.COLUMNS | {"category": "tags"}
        with pytest.raises(LogError, match="'tags' has several values for an event: its shape is"):
            _written(tmp_path / "out", **log | {"columns": columns})


@pytest.mark.parametrize(
    ("name", "dataset"),
    [
        ("taobao", datasets.TaobaoUserBehavior),
        ("tmall", datasets.TmallUserLog),
        ("alipay", datasets.AlipayUserLog),
        ("kuairand", datasets.KuairandPure),
    ],
)
def test_shipped_configurations_read_the_shipped_datasets(tmp_path, name, dataset):
    _reads_the_same(tmp_path, runs.shipped(name), dataset, runs.FIXTURES / name)


def test_movielens_is_read_from_its_dataset(tmp_path):
    manual = runs.FIXTURES / "movielens_1m"
    for name in ("movies.dat", "users.dat"):
        (tmp_path / name).write_bytes((manual / name).read_bytes())
    rows = [  # of ratings.dat, by user and time
        (1, 1193, 5, 0), (1, 260, 4, 1), (1, 3, 3, 2), (1, 2, 3, 3),
        (2, 2000, 4, 0), (2, 260, 4, 1), (2, 1, 5, 2),
        (3, 1, 4, 0), (3, 1193, 5, 1), (3, 2000, 3, 2),
    ]  # fmt: skip
    lines = ["user_id,movie_id,rating,position", *(",".join(map(str, row)) for row in rows)]
    (tmp_path / "ratings.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    plain = runs.shipped("movielens_1m", tmp_path).model_dump()
    plain["label"] |= {"at_least": 5}  # both labels in every split of these few
    plain["split"] |= {"validation": 0.35, "eval": 0.35}
    plain["history"] |= {"min_length": 0}
    config = IngestConfig.model_validate(plain)
    _reads_the_same(tmp_path, config, datasets.Movielens1mPositions, manual)


def _reads_the_same(tmp_path, from_files, dataset, manual_dir):
    builder = dataset(data_dir=str(tmp_path))
    config = tfds.download.DownloadConfig(manual_dir=str(manual_dir))
    builder.download_and_prepare(download_config=config)
    runs.execute(from_files, tmp_path / "files")
    plain = from_files.model_dump()
    plain["log"] |= {"files": None, "tables": None, "source": f"tfds:{builder.name}"}
    plain["log"] |= {"options": {"data_dir": str(tmp_path)}, "shards": 4}
    runs.execute(IngestConfig.model_validate(plain), tmp_path / "tfds")
    for split in SPLITS:
        expected = sorted(runs.examples(tmp_path / "files", split))
        assert expected and sorted(runs.examples(tmp_path / "tfds", split)) == expected


class _Memory(FileSystem):
    """An object store: keys that look like paths, no folders."""

    FILES: dict = {}  # noqa: RUF012

    @classmethod
    def scheme(cls):
        return "mem"

    def join(self, basepath, *paths):
        return "/".join([basepath.rstrip("/"), *paths])

    def split(self, path):
        head, _, tail = path.rpartition("/")
        return head, tail

    def has_dirs(self):
        return False

    def _list(self, dir_or_prefix):
        for path, data in self.FILES.items():
            if path.startswith(dir_or_prefix):
                yield FileMetadata(path, len(data), 7.0)

    def open(self, path, mime_type="", compression_type=""):
        return io.BytesIO(self.FILES[path])

    def exists(self, path):
        return path in self.FILES

    def mkdirs(self, path): ...
    def create(self, path, mime_type="", compression_type=""): ...
    def copy(self, source_file_names, destination_file_names): ...
    def rename(self, source_file_names, destination_file_names): ...
    def size(self, path): ...
    def last_updated(self, path): ...
    def checksum(self, path): ...
    def metadata(self, path): ...
    def delete(self, paths): ...


def test_files_of_an_object_store(tmp_path, from_csv):
    bucket = f"mem://bucket-{uuid.uuid4().hex}"
    table = pa.Table.from_pylist(ROWS)
    for name, rows in (("a.parquet", table.slice(0, 70)), ("b.parquet", table.slice(70))):
        sink = io.BytesIO()
        pa.parquet.write_table(rows, sink)
        _Memory.FILES[f"{bucket}/log/{name}"] = sink.getvalue()
    log = {"folder": f"{bucket}/log", "files": "*.parquet", "shards": 4}
    assert _written(tmp_path, **log)[0] == from_csv[0]
    with pytest.raises(LogError, match=r"No file matches 'mem://.*/c.csv'.*Present: a.parquet"):
        _written(tmp_path, **log | {"files": "c.csv"})


def test_events_in_tfrecords(tmp_path, from_csv):
    with tf.io.TFRecordWriter(str(tmp_path / "log.tfrecord-00000-of-00001")) as writer:
        for row in ROWS:
            features = {
                name: tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
                for name, value in row.items()
            }
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())
    log = {"folder": str(tmp_path), "files": "log.tfrecord*", "shards": 4}
    assert _written(tmp_path / "out", **log)[0] == from_csv[0]


@pytest.mark.skipif(importlib.util.find_spec("boto3") is not None, reason="boto3 is installed")
def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(FileSystems, "_pipeline_options", None)  # as before the first pipeline
    with pytest.raises(LogError, match=r"Missing boto3.* need: pip install 'apache-beam\[aws\]'"):
        check_log(logs.config(log={"folder": "s3://bucket/log", "files": "*.csv"}))


def test_an_unknown_kind_of_path_is_named():
    with pytest.raises(LogError, match=r"ftp://host/log.csv: unknown kind of path"):
        check_log(logs.config(log={"files": "ftp://host/log.csv"}))


def test_simulated_blocks_have_the_columns_that_are_used():
    config = IngestConfig(
        log={"simulator": {"users": 70, "median_history": 30, "max_history": 40}},
        label={"column": "label"},
    )
    with beam.Pipeline() as pipeline:
        blocks = sources.read_log(pipeline, config)

        def check(found):
            assert [block.part for block in sorted(found, key=lambda b: b.part)] == [0, 1]
            assert {tuple(block.batch.schema.names) for block in found} == {
                (
                    "user_id",
                    "item_id",
                    "category_id",
                    "behavior",
                    "time",
                    "request",
                    "click_probability",
                    "label",
                )
            }

        assert_that(blocks, check)
