"""The ExampleValidator of TFX, but an anomaly fails the run."""

from __future__ import annotations

from tfx import v1 as tfx
from tfx.dsl.components.base import executor_spec

from components.example_validator.executor import Executor


class ExampleValidator(tfx.components.ExampleValidator):
    """Checks the statistics of each split against the schema, and stops the run at an anomaly.

    TFX's own component only records anomalies: everything after it runs all the same. This one
    checks each split in its environment (`ENVIRONMENTS`) and raises `AnomaliesError` naming split,
    feature, reason and way out; components that must wait for it get it by `add_upstream_node`.

    Args, inputs and outputs are those of `tfx.v1.components.ExampleValidator`.
    """

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
