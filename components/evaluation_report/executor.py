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
from components.evaluation_report.page import render


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
        }
        findings = collect(inputs, json.loads(exec_properties["config"]))
        folder = artifact_utils.get_single_uri(output_dict["report"])
        fileio.makedirs(folder)
        for name, text in (
            (METRICS, json.dumps(findings.to_json(), indent=2, allow_nan=False) + "\n"),
            (INDEX, render(findings)),
        ):
            with fileio.open(os.path.join(folder, name), "w") as file:
                file.write(text)
