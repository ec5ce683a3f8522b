"""Reads what the run measured."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import math
import os
import platform
from collections.abc import Mapping
from typing import Any

from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx import types
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.dsl.io import fileio
from tfx.types import artifact_utils

from components.evaluator.config import GateConfig
from components.evaluator.reasons import (
    SliceMetrics,
    blessing_reasons,
    is_blessed,
    sliced_metrics,
)

_PACKAGES = ("tensorflow", "tfx", "tensorflow-model-analysis", "apache-beam")


@dataclasses.dataclass(frozen=True)
class Findings:
    """All that the report tells.

    Attributes:
      name: of the pipeline.
      blessed: the verdict.
      reasons: why, in plain words.
      slices: metrics of every slice, Overall first.
      training: content of `training.json`.
      counts: content of `counts.json`.
      statistics: of the examples, by split.
      lineage: where things are and what made them, as text by name.
      config: the run's configuration.
    """

    name: str
    blessed: bool
    reasons: list[str]
    slices: list[SliceMetrics]
    training: dict[str, Any]
    counts: dict[str, Any]
    statistics: dict[str, statistics_pb2.DatasetFeatureStatistics]
    lineage: dict[str, str]
    config: dict[str, Any]

    @property
    def overall(self) -> SliceMetrics:
        """Metrics of all targets."""
        return self.slices[0]

    def to_json(self) -> dict[str, Any]:
        """The numbers of the report as plain JSON; a metric that is not defined is null."""
        return _without_nan(
            {
                "name": self.name,
                "blessed": self.blessed,
                "reasons": self.reasons,
                "overall": _compared(self.overall),
                "slices": [{"slice": s.slice, **_compared(s)} for s in self.slices[1:]],
                "training": self.training,
                "examples": self.counts,
                "lineage": self.lineage,
                "config": self.config,
            }
        )


def collect(inputs: Mapping[str, types.Artifact], config: dict[str, Any]) -> Findings:
    """Reads the findings of a run.

    Args:
      inputs: the artifacts evaluation, blessing, examples, statistics and model_run.
      config: the run's configuration.
    """
    evaluation = inputs["evaluation"].uri
    return Findings(
        name=config["name"],
        blessed=is_blessed(evaluation),
        reasons=blessing_reasons(evaluation, GateConfig.model_validate(config["gate"])),
        slices=sliced_metrics(evaluation),
        training=_read(inputs["model_run"], "training.json"),
        counts=_read(inputs["examples"], "counts.json"),
        statistics=_statistics(inputs["statistics"]),
        lineage=_lineage(inputs),
        config=config,
    )


def _lineage(inputs: Mapping[str, types.Artifact]) -> dict[str, str]:
    blessing = inputs["blessing"]
    return {
        "model": blessing.get_string_custom_property("current_model"),
        "compared with": blessing.get_string_custom_property("baseline_model") or "no model",
        **{name: artifact.uri for name, artifact in inputs.items() if name != "blessing"},
        "python": platform.python_version(),
        **{package: importlib.metadata.version(package) for package in _PACKAGES},
    }


def _read(artifact: types.Artifact, name: str) -> dict[str, Any]:
    with fileio.open(os.path.join(artifact.uri, name)) as file:
        return json.loads(file.read())


def _statistics(artifact: types.Artifact) -> dict[str, statistics_pb2.DatasetFeatureStatistics]:
    return {
        split: stats_artifact_utils.load_statistics(artifact, split).proto().datasets[0]
        for split in artifact_utils.decode_split_names(artifact.split_names)
    }


def _compared(metrics: SliceMetrics) -> dict[str, dict[str, float]]:
    shared = [name for name in metrics.candidate if name in metrics.baseline]
    return {
        "candidate": metrics.candidate,
        "baseline": metrics.baseline,
        "difference": {name: metrics.candidate[name] - metrics.baseline[name] for name in shared},
    }


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
