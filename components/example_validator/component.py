"""The ExampleValidator of TFX, but an anomaly fails the run."""

from __future__ import annotations

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import BaseChannel, channel, component_spec, standard_artifacts

from components.example_validator.executor import Executor


class ExampleValidatorSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of ExampleValidator."""

    PARAMETERS = {"code": component_spec.ExecutionParameter(type=str)}  # noqa: RUF012
    INPUTS = {  # noqa: RUF012
        "statistics": component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
    }
    OUTPUTS = {  # noqa: RUF012
        "anomalies": component_spec.ChannelParameter(type=standard_artifacts.ExampleAnomalies)
    }


class ExampleValidator(base_component.BaseComponent):
    """Checks the statistics of each split against the schema, and stops the run at an anomaly.

    TFX's own component only records anomalies: everything after it runs all the same. This one
    checks each split in its environment (`ENVIRONMENTS`) and raises `AnomaliesError` naming split,
    feature, reason and way out; components that must wait for it get it by `add_upstream_node`.

    Outputs:
      anomalies: as TFX's component writes them.
    """

    SPEC_CLASS = ExampleValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, statistics: BaseChannel, schema: BaseChannel, code: str):
        """Describes one use of the component.

        Args:
          statistics: of the examples.
          schema: what they must satisfy.
          code: digest of its source; when it changes, a cached result is not used again.
        """
        super().__init__(
            ExampleValidatorSpec(
                statistics=statistics,
                schema=schema,
                code=code,
                anomalies=channel.Channel(type=standard_artifacts.ExampleAnomalies),
            )
        )
