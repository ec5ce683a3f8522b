"""BehaviorExampleGen: the TFX component that turns a behaviour log into examples."""

from __future__ import annotations

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from components.behavior_example_gen.executor import Executor


class BehaviorExampleGenSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of BehaviorExampleGen."""

    PARAMETERS = {  # noqa: RUF012
        "ingest_json": component_spec.ExecutionParameter(type=str),
        "fingerprint": component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {}  # noqa: RUF012
    OUTPUTS = {  # noqa: RUF012
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples)
    }


class BehaviorExampleGen(base_beam_component.BaseBeamComponent):
    """Reads a behaviour log; writes one user's history and targets per example.

    Outputs:
      examples: `standard_artifacts.Examples` with the splits train, validation and eval, and
        `counts.json`: what became of every row.

    Example:
      ```python
      gen = BehaviorExampleGen(config.model_dump_json(), fingerprint(config), code="...")
      statistics = StatisticsGen(examples=gen.outputs["examples"])
      ```
    """

    SPEC_CLASS = BehaviorExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(self, ingest_json: str, fingerprint: str, code: str):
        """Describes one use of the component.

        Args:
          ingest_json: an `IngestConfig` as JSON.
          fingerprint: of the log's files; when it changes, a cached result is not used again.
          code: of the source of this component, likewise.
        """
        super().__init__(
            BehaviorExampleGenSpec(
                ingest_json=ingest_json,
                fingerprint=fingerprint,
                code=code,
                examples=channel.Channel(type=standard_artifacts.Examples),
            )
        )
