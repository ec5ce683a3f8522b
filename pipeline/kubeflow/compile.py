"""Compiles the pipeline for Kubeflow Pipelines v2: a `PipelineSpec`, and settings of Kubernetes.

TFX's own compiler knows no runtime parameters of a configuration, writes resolver nodes that
open-source Kubeflow refuses, and no settings of Kubernetes. This one writes the same format
(github.com/kubeflow/pipelines, api/v2alpha1/pipeline_spec.proto, schema 2.1.0), with TFX's types of
artifacts and parameters.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2 as pb2
from tfx import version
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.orchestration.kubeflow.v2 import compiler_utils

from pipeline.config import Config
from pipeline.kubeflow import configuration, pointers, step
from pipeline.kubeflow.name import CONFIGURATION, PREDECESSORS, home, pipeline_name
from pipeline.kubeflow.parameters import PARAMETERS
from pipeline.kubeflow.settings import platform_config, resources, retry_policy

_TEXT = pb2.ParameterType.STRING
_WHOLE = pb2.ParameterType.NUMBER_INTEGER


def compile_pipeline(config: Config, out: Path) -> None:
    """Writes the pipeline as a file that Kubeflow takes.

    Args:
      config: the run; `kubeflow.pipeline_root` must be set.
      out: file to write, ending in .yaml.

    Raises:
      InputError: if the configuration's name, root or schema cannot be used.
    """
    out.write_text(yaml.safe_dump_all(documents(config), sort_keys=True), encoding="utf-8")


def documents(config: Config) -> list[dict[str, Any]]:
    """The pipeline's spec and, if steps have settings of Kubernetes, the document of those.

    Raises:
      InputError: as `compile_pipeline`.
    """
    compiler = _Compiler(config)
    written = [json_format.MessageToDict(compiler.spec)]
    if compiler.platform:
        executors = {"deploymentSpec": {"executors": compiler.platform}}
        written.append({"platforms": {"kubernetes": executors}})
    return written


class _Compiler:
    def __init__(self, config: Config) -> None:
        self._config, self._home = config, home(config)
        self.spec = pb2.PipelineSpec(
            schema_version="2.1.0",
            sdk_version=f"tfx-{version.__version__}",
            default_pipeline_root=config.kubeflow.pipeline_root,
        )
        self.spec.pipeline_info.name = pipeline_name(config)
        self.platform: dict[str, dict[str, Any]] = {}
        self._executors: dict[str, Any] = {}
        components = configuration.components(config, log_fingerprint="")
        self._add_configuration(components)
        for component in components:
            self._add_component(component)
        self._add_predecessors()
        self.spec.deployment_spec.update({"executors": self._executors})

    def _add_configuration(self, components: Iterable[BaseComponent]) -> None:
        task, made = self._add(CONFIGURATION, cached=False)
        values = self._config.model_dump(mode="json", exclude_unset=True)
        constants = {configuration.CONFIG: json.dumps(values), configuration.SCHEMA: self._schema()}
        for name, text in constants.items():
            made.input_definitions.parameters[name].parameter_type = _TEXT
            task.inputs.parameters[name].runtime_value.constant.string_value = text
        for name, parameter in PARAMETERS.items():
            for definitions in (self.spec.root.input_definitions, made.input_definitions):
                declared = definitions.parameters[name]
                declared.description = parameter.description
                if isinstance(parameter.default, str):
                    declared.parameter_type = _TEXT
                    declared.default_value.string_value = parameter.default
                else:
                    declared.parameter_type = _WHOLE
                    declared.default_value.number_value = parameter.default
            task.inputs.parameters[name].component_input_parameter = name
        for component in components:
            for name, value in configuration.properties(component):
                kind = compiler_utils.build_parameter_type_spec(value).parameter_type
                output = configuration.output(component, name)
                made.output_definitions.parameters[output].parameter_type = kind

    def _schema(self) -> str:
        """The text of `data_schema`, a file of this machine."""
        if self._config.data_schema is None:
            return ""
        return Path(self._config.data_schema).read_text(encoding="utf-8")

    def _add_component(self, component: BaseComponent) -> None:
        task, made = self._add(component.id, component)
        for name, channel in component.inputs.items():
            artifact = compiler_utils.build_input_artifact_spec(channel)
            made.input_definitions.artifacts[name].CopyFrom(artifact)
            given = task.inputs.artifacts[name].task_output_artifact
            given.producer_task = channel.producer_component_id
            given.output_artifact_key = channel.output_key
        for name, channel in component.outputs.items():
            made.output_definitions.artifacts[name].CopyFrom(
                compiler_utils.build_output_artifact_spec(channel)
            )
        for name, value in configuration.properties(component):
            kind = compiler_utils.build_parameter_type_spec(value)
            made.input_definitions.parameters[name].CopyFrom(kind)
            output = configuration.output(component, name)
            _give(task, name, CONFIGURATION, output)
        before = {node.id for node in component.upstream_nodes} | {CONFIGURATION}
        for pointer in pointers.POINTERS:
            if pointer.given_to[0] == component.id:
                made.input_definitions.parameters[pointer.parameter].parameter_type = _TEXT
                _give(task, pointer.parameter, PREDECESSORS, pointer.parameter)
                before.add(PREDECESSORS)
        task.dependent_tasks.extend(sorted(before))

    def _add_predecessors(self) -> None:
        task, made = self._add(PREDECESSORS, cached=False)
        for pointer in pointers.POINTERS:
            maker, output = pointer.maker
            kind = self.spec.components[maker].output_definitions.artifacts[output].artifact_type
            made.input_definitions.artifacts[output].artifact_type.CopyFrom(kind)
            given = task.inputs.artifacts[output].task_output_artifact
            given.producer_task, given.output_artifact_key = maker, output
            made.output_definitions.parameters[pointer.parameter].parameter_type = _TEXT
        task.dependent_tasks.extend(sorted(pointer.maker[0] for pointer in pointers.POINTERS))

    def _add(
        self, name: str, component: BaseComponent | None = None, cached: bool = True
    ) -> tuple[pb2.PipelineTaskSpec, pb2.ComponentSpec]:
        """Adds a task, its component and its container."""
        settings, label = self._config.kubeflow.step(name), f"{name}_executor"
        task, made = self.spec.root.dag.tasks[name], self.spec.components[name]
        task.task_info.name = task.component_ref.name = name
        task.caching_options.enable_cache = cached
        if settings.retries:
            task.retry_policy.CopyFrom(retry_policy(settings))
        made.executor_label = label
        words = step.arguments(name, self._home, component)
        if component is not None:
            words += [f"--beam={argument}" for argument in self._config.beam.args]
        container: dict[str, Any] = {
            "image": settings.image or self._config.kubeflow.image,
            "command": ["python", "-m", step.__name__],
            "args": words,
        }
        if settings.env:
            container["env"] = [{"name": n, "value": v} for n, v in sorted(settings.env.items())]
        if needed := resources(settings):
            container["resources"] = needed
        self._executors[label] = {"container": container}
        if added := platform_config(settings):
            self.platform[label] = added
        return task, made


def _give(task: pb2.PipelineTaskSpec, name: str, producer: str, output: str) -> None:
    given = task.inputs.parameters[name].task_output_parameter
    given.producer_task, given.output_parameter_key = producer, output
