"""Reads what the run measured."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2
from tfx import types
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.artifact_file import parsed
from components.evaluation_report import drift
from components.evaluator.gate.check import BASELINE_SCORES
from components.evaluator.tfma.read import SliceMetrics, sliced_metrics, verdict
from components.example_validator.executor import FILE_NAME, describe
from components.scoring import predictions
from components.versions import versions
from models.lists import Protocol
from models.metric_table import METRICS


@dataclasses.dataclass(frozen=True)
class Findings:
    """All that the report tells.

    Attributes:
      name: of the pipeline.
      gate: content of `gate.json`: verdict, reasons and intervals.
      slices: metrics of every slice, Overall first; those of the latest blessed model only if the
        gate could use its scores.
      labels: [N] of the eval targets.
      scores: [N] by model: "candidate", and "baseline" likewise.
      weights: [N] how much each counts, or None: all alike.
      training: content of `training.json`.
      counts: content of `counts.json`.
      statistics: of the examples, by split.
      distances: of the other splits from train.
      anomalies: what ExampleValidator found, a line each.
      lineage: where things are and what made them, as text by name.
      model_bytes: size of the exported model.
      config: the run's configuration.
    """

    name: str
    gate: dict[str, Any]
    slices: list[SliceMetrics]
    labels: np.ndarray
    scores: dict[str, np.ndarray]
    weights: np.ndarray | None
    training: dict[str, Any]
    counts: dict[str, Any]
    statistics: dict[str, statistics_pb2.DatasetFeatureStatisticsList]
    distances: list[drift.Distance]
    anomalies: list[str]
    lineage: dict[str, str]
    model_bytes: int
    config: dict[str, Any]

    @property
    def blessed(self) -> bool:
        """The verdict."""
        return self.gate["blessed"]

    @property
    def overall(self) -> SliceMetrics:
        """Metrics of all targets."""
        return self.slices[0]

    @property
    def protocol(self) -> Protocol:
        """How targets of a user were compared."""
        return self.gate["protocol"]

    @property
    def drawn(self) -> int:
        """Negatives that were drawn for each positive; 0: labels are the log's."""
        return self.gate["drawn_negatives"]

    def label(self, name: str) -> str:
        """What a metric is called."""
        return METRICS[name].labelled(self.protocol, self.drawn)

    def intervals(self, which: dict[str, str]) -> dict[str, Any]:
        """The gate's intervals of a slice, by metric; empty where it computed none."""
        if not which:
            return self.gate["intervals"]["overall"]
        for found in self.gate["intervals"]["slices"]:
            if {name: str(value) for name, value in found["slice"].items()} == which:
                return found
        return {}


def collect(
    inputs: Mapping[str, types.Artifact], config: dict[str, Any], run: str, code: str
) -> Findings:
    """Reads the findings of a run.

    Args:
      inputs: the artifacts evaluation, blessing, examples, statistics, anomalies, schema, model,
        model_run and, if there is earlier data, earlier_statistics.
      config: the run's configuration.
      run: its id.
      code: digest of the source that evaluated.
    """
    evaluation = inputs["evaluation"].uri
    statistics = _statistics(inputs["statistics"])
    found = inputs.get("earlier_statistics")
    earlier = _statistics(found) if found else {}
    gate = verdict(evaluation)
    slices, scored = sliced_metrics(evaluation), predictions.read(evaluation)
    if any(check["code"] == BASELINE_SCORES for check in gate["checks"]):
        slices = [dataclasses.replace(one, baseline={}) for one in slices]
        scored = scored.drop_columns([predictions.BASELINE_SCORE])
    return Findings(
        name=config["name"],
        gate=gate,
        slices=slices,
        labels=scored["label"].to_numpy(),
        scores=_scores(scored),
        weights=(
            scored[predictions.WEIGHT].to_numpy()
            if predictions.WEIGHT in scored.column_names
            else None
        ),
        training=_read(inputs["model_run"], "training.json"),
        counts=_read(inputs["examples"], "counts.json"),
        statistics=statistics,
        distances=drift.distances(statistics, _schema(inputs["schema"]), earlier.get("train")),
        anomalies=_anomalies(inputs["anomalies"]),
        lineage={"run": run, "configuration": _digest(config), "code": code} | _lineage(inputs),
        model_bytes=_size(inputs["model"].uri),
        config=config,
    )


def _scores(scored: pa.Table) -> dict[str, np.ndarray]:
    columns = {"candidate": "score", "baseline": "baseline_score", "oracle": "target_oracle"}
    return {
        name: scored[column].to_numpy()
        for name, column in columns.items()
        if column in scored.column_names
    }


def _lineage(inputs: Mapping[str, types.Artifact]) -> dict[str, str]:
    blessing, examples = inputs["blessing"], inputs["examples"]
    return {
        "data span": f"{examples.span}, version {examples.version}",
        "parent model": blessing.get_string_custom_property("baseline_model") or "none",
        **{name: artifact.uri for name, artifact in inputs.items() if name != "blessing"},
        **versions(),
    }


def _digest(config: dict[str, Any]) -> str:
    """The same as `pipeline.config.Config.hash`: of the configuration as compact JSON."""
    text = json.dumps(config, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _read(artifact: types.Artifact, name: str) -> dict[str, Any]:
    return parsed(os.path.join(artifact.uri, name), json.loads)


def _statistics(
    artifact: types.Artifact,
) -> dict[str, statistics_pb2.DatasetFeatureStatisticsList]:
    return {
        split: stats_artifact_utils.load_statistics(artifact, split).proto()
        for split in artifact_utils.decode_split_names(artifact.split_names)
    }


def _schema(artifact: types.Artifact) -> schema_pb2.Schema:
    with fileio.open(io_utils.get_only_uri_in_dir(artifact.uri)) as file:
        return text_format.Parse(file.read(), schema_pb2.Schema())


def _anomalies(artifact: types.Artifact) -> list[str]:
    lines = []
    for split in artifact_utils.decode_split_names(artifact.split_names):
        path = os.path.join(artifact_utils.get_split_uri([artifact], split), FILE_NAME)
        with fileio.open(path, "rb") as file:
            lines += describe(anomalies_pb2.Anomalies.FromString(file.read()), split)
    return lines


def _size(folder: str) -> int:
    return sum(
        fileio.open(os.path.join(os.fsdecode(parent), os.fsdecode(name)), "rb").size()
        for parent, _, names in fileio.walk(folder)
        for name in names
    )
