"""A component with an input and an output of each kind, for steps that take a second."""

import json
import os

from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.dsl.io import fileio
from tfx.types import channel, component_spec, standard_artifacts

from components.evaluation_report.artifact import Report


class Executor(base_executor.BaseExecutor):
    """Writes down what it was given."""

    def Do(self, input_dict, output_dict, exec_properties):
        (report,) = output_dict["report"]
        told = {
            "inputs": {
                name: [[type(one).__name__, one.uri, one.get_int_custom_property("blessed")]]
                for name, several in input_dict.items()
                for one in several
            },
            "properties": exec_properties,
        }
        with fileio.open(os.path.join(report.uri, "told.json"), "w") as file:
            file.write(json.dumps(told))
        report.set_string_custom_property("place", report.uri)


class ToySpec(component_spec.ComponentSpec):
    PARAMETERS = {  # noqa: RUF012
        "number": component_spec.ExecutionParameter(type=int),
        "text": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
        "baseline_model": component_spec.ChannelParameter(
            type=standard_artifacts.Model, optional=True
        ),
    }
    OUTPUTS = {"report": component_spec.ChannelParameter(type=Report)}  # noqa: RUF012


class Toy(base_component.BaseComponent):
    """Its output is of a type of this project's, whose title is no class that can be imported."""

    SPEC_CLASS = ToySpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, blessing, number, text):
        report = channel.Channel(type=Report)
        super().__init__(ToySpec(blessing=blessing, number=number, text=text, report=report))
