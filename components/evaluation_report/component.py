"""EvaluationReport: one offline page that says whether the model ships, and why."""

from __future__ import annotations

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import BaseChannel, channel, component_spec, standard_artifacts

from components.evaluation_report.artifact import Report
from components.evaluation_report.executor import Executor


class EvaluationReportSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of EvaluationReport."""

    PARAMETERS = {  # noqa: RUF012
        "config": component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "statistics": component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "earlier_statistics": component_spec.ChannelParameter(
            type=standard_artifacts.ExampleStatistics, optional=True
        ),
        "anomalies": component_spec.ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "model_run": component_spec.ChannelParameter(type=standard_artifacts.ModelRun),
    }
    OUTPUTS = {"report": component_spec.ChannelParameter(type=Report)}  # noqa: RUF012


class EvaluationReport(base_component.BaseComponent):
    """Gathers what a run measured into one self-contained page and `metrics.json`.

    Args:
      evaluation: of the Evaluator.
      blessing: of the Evaluator.
      examples: of BehaviorExampleGen, with `counts.json`.
      statistics: of StatisticsGen.
      anomalies: of ExampleValidator.
      schema: of ImportSchemaGen.
      model: of the Trainer.
      model_run: of the Trainer, with `training.json`.
      config: the run's configuration as JSON; `gate` must be the one of the evaluation.
      earlier_statistics: of the latest other data, to tell drift.
      code: digest of the source, so that TFX's cache notices an edit.

    Outputs:
      report: a `Report`.
    """

    SPEC_CLASS = EvaluationReportSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        evaluation: BaseChannel,
        blessing: BaseChannel,
        examples: BaseChannel,
        statistics: BaseChannel,
        anomalies: BaseChannel,
        schema: BaseChannel,
        model: BaseChannel,
        model_run: BaseChannel,
        config: str,
        code: str,
        earlier_statistics: BaseChannel | None = None,
    ):
        super().__init__(
            EvaluationReportSpec(
                evaluation=evaluation,
                blessing=blessing,
                examples=examples,
                statistics=statistics,
                earlier_statistics=earlier_statistics,
                anomalies=anomalies,
                schema=schema,
                model=model,
                model_run=model_run,
                config=config,
                code=code,
                report=channel.Channel(type=Report),
            )
        )
