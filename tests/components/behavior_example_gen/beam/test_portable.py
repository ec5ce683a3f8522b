"""The same ingest over Beam's portable protocol: job server, worker pool and driver apart."""

import os
import signal
import threading
import time

import apache_beam as beam
import grpc
import numpy as np
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from components.behavior_example_gen.config.ingest_config import SPLITS
from components.behavior_example_gen.run import write_examples
from tests.components.behavior_example_gen import logs, portable, runs
from tests.components.behavior_example_gen.texts import write_log

pytestmark = pytest.mark.slow

SECTIONS = {
    "label": {"negatives": {"per_positive": 1, "by": "popularity"}},
    "split": {"by": "time", "validation": 0.2, "eval": 0.2},
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return portable.install(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """A log of two files, of which all that is known of a whole log is needed."""
    folder, random = tmp_path_factory.mktemp("log"), np.random.default_rng(3)
    for name in ("a.csv", "b.csv.gz"):
        cells = random.integers(0, (300, 500, 7, 2, 10**6, 2), (20_000, 6))
        header = "user,item,category,behavior,time,label"
        write_log(folder / name, "\n".join([header, *(",".join(map(str, c)) for c in cells)]))
    log = {"folder": str(folder), "files": "*.csv*", "shards": 5}
    return logs.config(log=log, **SECTIONS)


def _write(config, folder, args):
    folder.mkdir(exist_ok=True)
    options = PipelineOptions(args)
    write_examples(config, str(folder), lambda: beam.Pipeline(options=options))
    return {split: sorted(runs.examples(folder, split)) for split in SPLITS}


@pytest.fixture(scope="module")
def expected(config, tmp_path_factory):
    """What the in-memory runner writes."""
    return _write(config, tmp_path_factory.mktemp("direct"), [])


@pytest.fixture(scope="module")
def cluster(site, tmp_path_factory):
    """One job server for all tests: what a worker costs is its start, imports and all."""
    with portable.cluster(site, tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


def test_workers_have_the_package(site, cluster, tmp_path):
    where = tmp_path / "where"
    look = f"open({str(where)!r}, 'w').write(__import__('components').__file__)"
    with beam.Pipeline(options=PipelineOptions(cluster.args())) as pipeline:
        _ = pipeline | beam.Create([look]) | beam.Map(eval)
    assert where.read_text() == str(site / "components" / "__init__.py")


def test_killed_workers_leave_nothing_and_others_give_the_same_bytes(
    cluster, config, expected, tmp_path
):
    """Beam's own job server does not retry: the run must fail, leave nothing, and be repeatable.

    A worker killed before it has called its server is waited for until the driver gives up.
    """
    args = [*cluster.args(), "--job_server_timeout=90"]
    failures = "failed in state FAILED|DEADLINE_EXCEEDED"
    out = tmp_path / "out"
    for moment in (".work/rows-*", "Split-train/data_tfrecord-*"):
        killed = []

        def kill(moment=moment, killed=killed):
            while not killed:
                if any(out.glob(moment)):
                    for worker in cluster.workers():
                        os.kill(worker, signal.SIGKILL)
                        killed.append(worker)
                time.sleep(0.005)

        killer = threading.Thread(target=kill, daemon=True)
        killer.start()
        with pytest.raises((RuntimeError, grpc.RpcError), match=failures):
            _write(config, out, args)
        killer.join()
        assert killed
        left = {path.name for path in out.iterdir()} - {"quarantine.jsonl"}
        assert left == {f"Split-{split}" for split in SPLITS}  # no counts.json: not complete
    assert _write(config, out, cluster.args()) == expected
    assert (out / "counts.json").exists()
