"""Runs the component's executor on a log, and reads what it wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import tensorflow as tf
from tfx.types import standard_artifacts

from components.behavior_example_gen.clean.account import Counts
from components.behavior_example_gen.clean.intake import Intake
from components.behavior_example_gen.config.ingest_config import IngestConfig
from components.behavior_example_gen.executor import Executor
from components.behavior_example_gen.sources import open_sources
from components.behavior_example_gen.sources.columns import find_columns
from pipeline.config import load

from .texts import write_log as write_log

ROOT = Path(__file__).resolve().parents[3]
FIXTURES = ROOT / "tests" / "fixtures"


def execute(config: IngestConfig, folder: Path, *beam_args: str) -> dict[str, Any]:
    """Runs the executor; returns `counts.json`."""
    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder)
    context = Executor.Context(beam_pipeline_args=list(beam_args), unique_id="1")
    Executor(context).Do({}, {"examples": [artifact]}, {"ingest_json": config.model_dump_json()})
    assert json.loads(artifact.split_names) == config.splits
    return json.loads((folder / "counts.json").read_text())


def taken(config: IngestConfig) -> tuple[pa.Table, Counts]:
    """The rows that are kept, in the log's order, and the counts, of a log as small as its head."""
    intake, batches, counts = Intake(config, find_columns(config)), [], Counts()
    for block, whole in open_sources(config)["log"].heads():
        assert whole
        rows, found = intake.take(block)
        batches.append(rows)
        counts += found
    return pa.Table.from_batches(batches), counts


def examples(folder: Path, split: str) -> list[bytes]:
    """Reads the serialized examples of a split."""
    files = sorted(map(str, (folder / f"Split-{split}").glob("*")))
    assert all(name.endswith(".gz") for name in files)
    dataset = tf.data.TFRecordDataset(files, compression_type="GZIP")
    return list(dataset.as_numpy_iterator())


def features(folder: Path, split: str) -> list[dict[str, list[Any]]]:
    """Reads the examples of a split as lists of values by name."""
    read = []
    for text in examples(folder, split):
        named = tf.train.Example.FromString(text).features.feature
        read.append(
            {name: list(getattr(f, f.WhichOneof("kind")).value) for name, f in named.items()}
        )
    return read


def shipped(name: str, folder: Path | None = None) -> IngestConfig:
    """A shipped configuration, on its fixture or on the log in another folder."""
    return load(name, [f"log.folder={folder or FIXTURES / name}"]).ingest
