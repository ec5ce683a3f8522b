"""ImportSchemaGen: brings the run's schema into the pipeline."""

from __future__ import annotations

import os
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, channel, component_spec, standard_artifacts

SCHEMA_FILE = "schema.pbtxt"


class Executor(base_executor.BaseExecutor):
    """Writes the schema where TFX components look for it."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes `exec_properties["schema_text"]` into the artifact `schema`."""
        uri = artifact_utils.get_single_uri(output_dict["schema"])
        with fileio.open(os.path.join(uri, SCHEMA_FILE), "w") as file:
            file.write(exec_properties["schema_text"])


class ImportSchemaGenSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of ImportSchemaGen."""

    PARAMETERS = {  # noqa: RUF012
        "schema_text": component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {}  # noqa: RUF012
    OUTPUTS = {  # noqa: RUF012
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema)
    }


class ImportSchemaGen(base_component.BaseComponent):
    """TFX's ImportSchemaGen, but the schema travels inside the pipeline instead of as a file.

    So a compiled pipeline needs no file that the cluster can read, and TFX's cache knows a schema
    by its content, not by a path.

    Args:
      schema_text: a TFMD schema in text format.
      code: digest of its source; when it changes, a cached result is not used again.

    Outputs:
      schema: `standard_artifacts.Schema`.
    """

    SPEC_CLASS = ImportSchemaGenSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, schema_text: str, code: str):
        super().__init__(
            ImportSchemaGenSpec(
                schema_text=schema_text,
                code=code,
                schema=channel.Channel(type=standard_artifacts.Schema),
            )
        )
