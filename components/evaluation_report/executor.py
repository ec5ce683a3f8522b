"""Executor of EvaluationReport."""

from __future__ import annotations

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
        run = self._context.pipeline_run_id if self._context else None
        findings = collect(
            inputs, json.loads(exec_properties["config"]), run or "unknown", exec_properties["code"]
        )
        folder = artifact_utils.get_single_uri(output_dict["report"])
        metrics = os.path.join(folder, METRICS)
        texts = {
            metrics: numbers_text(findings),
            os.path.join(folder, INDEX): page(findings, metrics),
        }
        fileio.makedirs(folder)
        for path, text in texts.items():
            with fileio.open(path, "w") as file:
                file.write(text)
