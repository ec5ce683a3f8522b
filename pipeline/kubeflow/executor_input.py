"""What Kubeflow's driver hands a container, and the key by which it finds an earlier result.

As in github.com/kubeflow/pipelines, backend/src/v2: driver/driver.go (`provisionOutputs`),
driver/resolve.go, cacheutils/cache.go (`GenerateCacheKey`). The driver knows artifacts by the ids
of ML Metadata, and hands on inputs without their types.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2 as pb2

Made = dict[str, Any]  # what a task gave: `parameters` by name, `artifacts` by name


def executor_input(
    task: pb2.PipelineTaskSpec,
    component: pb2.ComponentSpec,
    parameters: Mapping[str, Any],
    made: Mapping[str, Made],
    folder: str,
) -> dict[str, Any]:
    """An `ExecutorInput` as JSON has it.

    Args:
      task: what runs, and where its inputs come from.
      component: its inputs and outputs.
      parameters: of the run.
      made: what the tasks before it gave.
      folder: of the task's outputs, of this execution alone.
    """
    values: dict[str, Any] = {}
    for name, given in task.inputs.parameters.items():
        kind = given.WhichOneof("kind")
        if kind == "component_input_parameter":
            values[name] = parameters[given.component_input_parameter]
        elif kind == "task_output_parameter":
            source = given.task_output_parameter
            values[name] = made[source.producer_task]["parameters"][source.output_parameter_key]
        else:
            values[name] = json_format.MessageToDict(given.runtime_value.constant)
    artifacts = {}
    for name, given in task.inputs.artifacts.items():
        source = given.task_output_artifact
        artifact = made[source.producer_task]["artifacts"][source.output_artifact_key]
        artifacts[name] = {"artifacts": [{**artifact, "type": {"instanceSchema": ""}}]}
    outputs = component.output_definitions
    return {
        "inputs": {"parameterValues": values, "artifacts": artifacts},
        "outputs": {
            "artifacts": {
                name: {
                    "artifacts": [
                        {
                            "name": name,
                            "uri": f"{folder}/{name}",
                            "type": json_format.MessageToDict(declared.artifact_type),
                        }
                    ]
                }
                for name, declared in outputs.artifacts.items()
            },
            "parameters": {
                name: {"outputFile": f"{folder}/.parameters/{name}"} for name in outputs.parameters
            },
            "outputFile": f"{folder}/output_metadata.json",
        },
    }


def cache_key(
    given: Mapping[str, Any],
    component: pb2.ComponentSpec,
    container: Mapping[str, Any],
    claims: Iterable[str],
) -> str:
    """The digest of all that decides a container's outputs, as Kubeflow's driver sees it.

    Args:
      given: its `ExecutorInput`.
      component: its outputs' types.
      container: its image, command and arguments, as compiled.
      claims: persistent volume claims that it mounts.
    """
    inputs, outputs = given["inputs"], given["outputs"]
    key = {
        "inputArtifactNames": {
            name: [artifact["name"] for artifact in several["artifacts"]]
            for name, several in inputs["artifacts"].items()
        },
        "inputParameterValues": inputs["parameterValues"],
        "outputArtifactsSpec": {
            name: {k: v for k, v in several["artifacts"][0].items() if k != "uri"}
            for name, several in outputs["artifacts"].items()
        },
        "outputParametersSpec": {
            name: declared.parameter_type
            for name, declared in component.output_definitions.parameters.items()
        },
        "containerSpec": {
            "image": container["image"],
            "cmdArgs": [*container["command"], *container["args"]],
            "pvcNames": sorted(set(claims)),
        },
    }
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
