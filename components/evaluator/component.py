"""Evaluator: metrics for TFMA, the table of predictions, and the gate that blesses."""

from __future__ import annotations

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import BaseChannel, channel, component_spec, standard_artifacts

from components.evaluator.executor import Executor


class EvaluatorSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of Evaluator."""

    PARAMETERS = {  # noqa: RUF012
        "gate": component_spec.ExecutionParameter(type=str),
        "features": component_spec.ExecutionParameter(type=str),
        "drawn_negatives": component_spec.ExecutionParameter(type=int),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
        "transform_graph": component_spec.ChannelParameter(type=standard_artifacts.TransformGraph),
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "baseline_model": component_spec.ChannelParameter(
            type=standard_artifacts.Model, optional=True
        ),
    }
    OUTPUTS = {  # noqa: RUF012
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
    }


class Evaluator(base_beam_component.BaseBeamComponent):
    """Judges a model on the `eval` split against the latest blessed one.

    TFX's own Evaluator gates on the values of metrics; this one gates on paired, user-clustered
    intervals, and writes the scores that everything else is computed from.

    Outputs:
      evaluation: TFMA's metrics (`tfma.load_eval_result`), `predictions.parquet`, `gate.json`.
      blessing: as TFX's Evaluator marks it, so that Pusher and `LatestBlessedModelStrategy` know
        it; besides `verdict`, the sentence, and `failed_checks`, a JSON list of codes.
    """

    SPEC_CLASS = EvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        examples: BaseChannel,
        schema: BaseChannel,
        transform_graph: BaseChannel,
        model: BaseChannel,
        gate: str,
        features: str,
        drawn_negatives: int,
        code: str,
        baseline_model: BaseChannel | None = None,
    ):
        """Describes one use of the component.

        Args:
          examples: with the split `eval`, one target each.
          schema: of the examples.
          transform_graph: whose vocabularies tell how frequent items and categories are.
          model: the candidate.
          gate: a `GateConfig` as JSON.
          features: the configured ones, `{"features": …}` as JSON.
          drawn_negatives: for each positive; 0: labels are the log's.
          code: digest of its source; when it changes, a cached result is not used again.
          baseline_model: the latest blessed model, or nothing.
        """
        super().__init__(
            EvaluatorSpec(
                examples=examples,
                schema=schema,
                transform_graph=transform_graph,
                model=model,
                baseline_model=baseline_model,
                gate=gate,
                features=features,
                drawn_negatives=drawn_negatives,
                code=code,
                evaluation=channel.Channel(type=standard_artifacts.ModelEvaluation),
                blessing=channel.Channel(type=standard_artifacts.ModelBlessing),
            )
        )
