"""The slow way makes the same examples: so the comparison is fair, and each checks the other."""

import tensorflow as tf

from benchmarks import per_event_beam
from components.behavior_example_gen.config.ingest_config import SPLITS
from pipeline.bench.ingest import write_log
from pipeline.config import load
from tests.components.behavior_example_gen import runs


def _examples(folder, split):
    files = [str(file) for file in (folder / f"Split-{split}").glob("*.gz")]
    return sorted(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())


def test_same_examples_byte_for_byte(tmp_path):
    simulated = ["log.simulator.median_history=1200", "log.simulator.max_history=1500"]
    base = load("demo", ["history.max_length=1000", *simulated])
    stem = write_log(base, 9_000, tmp_path)
    columns = base.log.mapping.model_dump()
    for layout in ("csv", "parquet"):
        name = f"{stem}.{layout}"
        log = {"folder": str(tmp_path), "files": name, "columns": columns, "shards": 2}
        config = type(base.ingest)(**base.ingest.model_dump() | {"log": log})
        counts = runs.execute(config, tmp_path / f"ours-{layout}")
        assert counts["rows"] == 9_000
        per_event_beam.run(str(tmp_path / name), str(tmp_path / f"theirs-{layout}"))
        for split in SPLITS:
            ours = _examples(tmp_path / f"ours-{layout}", split)
            assert ours == _examples(tmp_path / f"theirs-{layout}", split)
            assert len(ours) == counts["splits"][split]["examples"] > 0
