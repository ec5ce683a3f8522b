"""The command of every step on Kubeflow: `python -m pipeline.kubeflow.step STEP …`.

Vertex AI and open-source Kubeflow put a JSON `ExecutorInput` in the place of `{{$}}`
(github.com/kubeflow/pipelines, api/v2alpha1/pipeline_spec.proto) and read an `ExecutorOutput` from
the file that it names. Between them and TFX's own entry point, this one

- gives artifacts the types of the component's inputs and outputs: open-source Kubeflow drops them
  (github.com/tensorflow/tfx/issues/7768), and TFX would import a type of ours by its title;
- turns URIs into paths that can be opened, and back;
- makes an artifact of the input that `Predecessors` names;
- leaves the pointers for later runs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2 as pb2
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.io import fileio
from tfx.utils import import_utils, name_utils

from components import beam_memo
from components.errors import InputError
from components.secrets import masked, resolve
from pipeline.kubeflow import pointers
from pipeline.kubeflow.name import CONFIGURATION, PREDECESSORS
from pipeline.kubeflow.storage import artifact_path, earlier_path
from pipeline.terminal.exit_codes import BAD_INPUT, DONE

PLACEHOLDER = "{{$}}"  # what Kubeflow replaces by the ExecutorInput


def main(arguments: list[str] | None = None) -> int:
    """Runs one step, and returns its exit code."""
    parsed = _parser().parse_args(arguments)
    given = pb2.ExecutorInput()
    json_format.Parse(parsed.executor_input, given, ignore_unknown_fields=True)
    try:
        if parsed.step == CONFIGURATION:
            _hand_over(given, _configure(given))
        elif parsed.step == PREDECESSORS:
            _hand_over(given, _predecessors(given, parsed.home))
        else:
            _run(given, parsed)
    except InputError as error:
        print(masked(f"everlong: {parsed.step}: {error}"), file=sys.stderr)
        return BAD_INPUT
    return DONE


def arguments(step: str, home: str, component: BaseComponent | None = None) -> list[str]:
    """The arguments of a step's container, as `main` takes them.

    Args:
      step: its name.
      home: the pipeline's.
      component: that the step runs; None for the two that are ours alone.
    """
    words = [step, "--executor_input", PLACEHOLDER, "--home", home]
    if component is not None:
        words += ["--component", name_utils.get_full_name(type(component))]
    return words


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pipeline.kubeflow.step", allow_abbrev=False)
    parser.add_argument("step", help="its name in the pipeline")
    parser.add_argument("--executor_input", required=True, help="JSON, which Kubeflow puts here")
    parser.add_argument("--home", required=True, help="folder of what lasts from run to run")
    parser.add_argument("--component", help="class of the TFX component, by its dotted name")
    parser.add_argument("--beam", action="append", default=[], help="an argument of Beam")
    return parser


def _configure(given: pb2.ExecutorInput) -> dict[str, Any]:
    from pipeline.kubeflow import configuration  # takes long to import, as all of TFX does

    values = json_format.MessageToDict(given.inputs)["parameterValues"]
    config, schema = json.loads(values[configuration.CONFIG]), values[configuration.SCHEMA]
    return configuration.configure(config, schema, values)


def _predecessors(given: pb2.ExecutorInput, home: str) -> dict[str, str]:
    found = {}
    for pointer in pointers.POINTERS:
        (current,) = given.inputs.artifacts[pointer.maker[1]].artifacts
        earlier = pointers.predecessor(pointer, home, json_format.MessageToDict(current))
        found[pointer.parameter] = json.dumps(earlier, sort_keys=True) if earlier else ""
    return found


def _run(given: pb2.ExecutorInput, parsed: argparse.Namespace) -> None:
    """Runs a component's executor by TFX's entry point."""
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor

    component: type[BaseComponent] = import_utils.import_class_by_path(parsed.component)
    _take_predecessors(given)
    places = _prepare(given, component)
    beam = resolve(parsed.beam, "beam.args")
    known = argparse.Namespace(
        executor_class_path=name_utils.get_full_name(component.EXECUTOR_SPEC.executor_class),
        json_serialized_invocation_args=json_format.MessageToJson(given),
        json_serialized_inputs_spec_args=json_format.MessageToJson(_types(component)),
    )
    beam_memo.install()
    kubeflow_v2_run_executor.main((known, beam))
    with fileio.open(given.outputs.output_file, "r") as file:
        made = json.loads(file.read())
    for artifacts in made["artifacts"].values():
        for artifact in artifacts["artifacts"]:
            artifact["uri"] = places[artifact["uri"]]
            told = artifact.get("metadata", {})
            artifact["metadata"] = {k: places.get(str(v), v) for k, v in told.items()}
    _write(given, made)
    for pointer in pointers.POINTERS:
        if pointer.left_by == parsed.step and (left := _left(pointer, given, made, places)):
            pointers.leave(pointer, parsed.home, left)


def _take_predecessors(given: pb2.ExecutorInput) -> None:
    """Makes input artifacts of the parameters that name such."""
    for pointer in pointers.POINTERS:
        if pointer.parameter in given.inputs.parameter_values:
            text = given.inputs.parameter_values[pointer.parameter].string_value
            del given.inputs.parameter_values[pointer.parameter]
            if text:
                artifact = given.inputs.artifacts[pointer.parameter].artifacts.add()
                json_format.Parse(text, artifact)
                earlier_path(artifact.uri)


def _prepare(given: pb2.ExecutorInput, component: type[BaseComponent]) -> dict[str, str]:
    """Gives artifacts their types and paths, and makes the folders; the URI of each path."""
    places = {}
    for declared, named in (
        (component.SPEC_CLASS.INPUTS, given.inputs.artifacts),
        (component.SPEC_CLASS.OUTPUTS, given.outputs.artifacts),
    ):
        for name in list(named):
            if name not in declared:  # such as the launcher's own log
                del named[name]
                continue
            for artifact in named[name].artifacts:
                artifact.type.schema_title = name_utils.get_full_name(declared[name].type)
                path = artifact_path(artifact.uri)
                places[path], artifact.uri = artifact.uri, path
    for artifacts in given.outputs.artifacts.values():
        for artifact in artifacts.artifacts:
            fileio.makedirs(artifact.uri)
    return places


def _types(component: type[BaseComponent]) -> pb2.ComponentInputsSpec:
    """Which properties are whole numbers: JSON knows none."""
    spec = pb2.ComponentInputsSpec()
    for name, parameter in component.SPEC_CLASS.PARAMETERS.items():
        if parameter.type is int:
            spec.parameters[name].parameter_type = pb2.ParameterType.NUMBER_INTEGER
    return spec


def _left(
    pointer: pointers.Pointer,
    given: pb2.ExecutorInput,
    made: dict[str, Any],
    places: dict[str, str],
) -> dict[str, Any] | None:
    """The artifact that a pointer's file gets from this step; None if it has nothing to say."""
    if pointer.artifact in made["artifacts"]:
        return made["artifacts"][pointer.artifact]["artifacts"][0]
    if made["artifacts"]["pushed_model"]["artifacts"][0]["metadata"]["pushed"] != 1:
        return None
    (model,) = given.inputs.artifacts[pointer.artifact].artifacts
    return {"uri": places[model.uri]}


def _hand_over(given: pb2.ExecutorInput, values: dict[str, Any]) -> None:
    """Writes the outputs of a step that has no component."""
    _write(given, {"parameterValues": values})


def _write(given: pb2.ExecutorInput, made: dict[str, Any]) -> None:
    file = given.outputs.output_file
    fileio.makedirs(os.path.dirname(file))
    with fileio.open(file, "w") as opened:
        opened.write(json.dumps(made))


if __name__ == "__main__":
    sys.exit(main())
