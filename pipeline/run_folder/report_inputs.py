"""The inputs of EvaluationReport as a finished run gave them."""

from __future__ import annotations

from pathlib import Path

from tfx import types

from components.errors import InputError
from components.evaluation_report.component import EvaluationReportSpec
from pipeline.run_folder.folder import Execution


def report_inputs(execution: Execution) -> dict[str, types.Artifact]:
    """The input artifacts by name.

    Raises:
      InputError: if one of them is missing, or its files are.
    """
    found = {}
    for name, parameter in EvaluationReportSpec.INPUTS.items():
        recorded = execution.inputs.get(name)
        if recorded is None and parameter.optional:
            continue
        if recorded is None or not Path(recorded.uri).exists():
            raise InputError(
                f"the run left no {name} for its report, or {recorded and recorded.uri} is gone; "
                "run again with this version"
            )
        artifact = found[name] = parameter.type()
        artifact.uri = recorded.uri
        for key, value in recorded.properties.items():
            if key in (parameter.type.PROPERTIES or {}):
                setattr(artifact, key, value)
            elif isinstance(value, str):
                artifact.set_string_custom_property(key, value)
    return found
