"""Executor of EvaluationReport."""

from __future__ import annotations

import itertools
import json
import os
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils

from components.evaluation_report.artifact import INDEX, METRICS
from components.evaluation_report.collect import collect
from components.evaluation_report.numbers import numbers_text
from components.evaluation_report.page import page

STEP = "EvaluationReport"  # as the pipeline calls the component


class Executor(base_executor.BaseExecutor):
    """Reads what other components wrote, and writes the page and `metrics.json`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the report."""
        self._log_startup(input_dict, output_dict, exec_properties)
        inputs = {
            name: artifact_utils.get_single_instance(artifacts)
            for name, artifacts in input_dict.items()
            if artifacts
        }
        folder = artifact_utils.get_single_uri(output_dict["report"])
        run = self._context.pipeline_run_id if self._context else None
        config = json.loads(exec_properties["config"])
        findings = collect(inputs, config, run or run_of(folder), exec_properties["code"])
        metrics = os.path.join(folder, METRICS)
        texts = {
            metrics: numbers_text(findings),
            os.path.join(folder, INDEX): page(findings, metrics),
        }
        fileio.makedirs(folder)
        for path, text in texts.items():
            with fileio.open(path, "w") as file:
                file.write(text)


def run_of(folder: str) -> str:
    """Returns the id of the run that a report's folder is of, by the path; else "unknown".

    On Kubeflow nobody tells an executor its run. Artifacts are in `…/RUN/STEP/…`
    (github.com/kubeflow/pipelines, backend/src/v2/driver/driver.go: `provisionOutputs`), on Vertex
    AI in `…/RUN/STEP_NUMBER/…` (tfx/orchestration/kubeflow/v2/container).
    """
    parts = folder.split("/")
    for run, step in reversed([*itertools.pairwise(parts)]):
        if step.partition("_")[0] == STEP:
            return run
    return "unknown"
