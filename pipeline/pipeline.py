"""The whole pipeline on one page: the same graph runs locally and on Kubeflow.

ML Metadata, where it is at hand, says which model is to beat, and which data were before; on
Kubeflow a step of its own looks that up (`pipeline.kubeflow.pointers`).
"""

from __future__ import annotations

import dataclasses
import functools
import json
import operator
import uuid

import tensorflow_data_validation as tfdv
from tfx.components import StatisticsGen, Trainer, Transform
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.placeholder.placeholder_base import Placeholder
from tfx.dsl.placeholder.runtime_placeholders import environment_variable
from tfx.orchestration import metadata
from tfx.orchestration.pipeline import Pipeline
from tfx.proto.trainer_pb2 import EvalArgs, TrainArgs  # type: ignore[attr-defined]  # made at import
from tfx.proto.transform_pb2 import SplitsConfig  # type: ignore[attr-defined]  # likewise
from tfx.types import standard_artifacts
from tfx.types.channel import Channel

from components import secrets
from components.behavior_example_gen.component import BehaviorExampleGen
from components.evaluation_report.component import EvaluationReport
from components.evaluator.component import Evaluator
from components.example_validator.component import ExampleValidator
from components.latest_blessed.strategy import (
    LatestOtherBlessedModelStrategy,
    LatestOtherStatisticsStrategy,
)
from components.pusher.component import Pusher
from components.schema.component import ImportSchemaGen
from models import feature_config, features
from pipeline.config import Config
from pipeline.data_schema import checked_schema
from pipeline.fingerprints import code


@dataclasses.dataclass(frozen=True)
class Places:
    """Where a run reads and writes; remote or local paths.

    Attributes:
      root: folder of the artifacts.
      checkpoints: folder of training checkpoints, the same from run to run.
      serving: folder of pushed models.
      metadata: SQLite file of ML Metadata; None where the orchestrator keeps it.
    """

    root: str
    checkpoints: str
    serving: str
    metadata: str | None = None


def create_pipeline(
    config: Config, places: Places, log_fingerprint: str, cache: bool = True
) -> Pipeline:
    """Builds the graph of docs/architecture.md, in topological order.

    Args:
      config: the run's configuration.
      places: where it reads and writes.
      log_fingerprint: digest of the log's files; a changed log is ingested again.
      cache: whether a component whose inputs, configuration and code did not change is skipped.
    """
    example_gen = BehaviorExampleGen(
        ingest_json=config.ingest.model_dump_json(),
        fingerprint=log_fingerprint,
        code=code("components.behavior_example_gen.executor"),
    )
    examples = example_gen.outputs["examples"]
    statistics_gen = StatisticsGen(
        examples=examples, stats_options=tfdv.StatsOptions(use_sketch_based_topk_uniques=True)
    )
    schema_gen = ImportSchemaGen(checked_schema(config), code=code("components.schema.component"))
    schema = schema_gen.outputs["schema"]
    validator = ExampleValidator(
        statistics=statistics_gen.outputs["statistics"],
        schema=schema,
        code=code("components.example_validator.executor"),
    )
    transform = Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn="models.preprocessing.preprocessing_fn",
        splits_config=_transformed_splits(config),
        custom_config=_transform_config(config),
        disable_statistics=True,  # nobody reads them, and StatisticsGen tells of the same examples
        disable_analyzer_cache=True,  # nobody reads it: each run analyses its whole log
    )
    transform.add_upstream_node(validator)  # an anomaly must stop everything that comes after
    trainer = Trainer(
        run_fn="models.trainer.run_fn",
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema,
        train_args=TrainArgs(splits=["train"]),
        eval_args=EvalArgs(splits=["validation"]),
        custom_config=trainer_config(config, places.checkpoints),
    )
    model = trainer.outputs["model"]
    local = places.metadata is not None
    latest_blessed = _latest_blessed(model) if local else None
    evaluator = Evaluator(
        examples=examples,
        schema=schema,
        transform_graph=transform.outputs["transform_graph"],
        model=model,
        baseline_model=latest_blessed.outputs["model"] if latest_blessed else None,
        gate=config.gate.model_dump_json(),
        features=config.model_dump_json(include={"features"}),
        drawn_negatives=config.drawn_negatives,
        code=code("components.evaluator.executor"),
    )
    earlier = _earlier_statistics(statistics_gen.outputs["statistics"]) if local else None
    report = EvaluationReport(
        evaluation=evaluator.outputs["evaluation"],
        blessing=evaluator.outputs["blessing"],
        examples=examples,
        statistics=statistics_gen.outputs["statistics"],
        anomalies=validator.outputs["anomalies"],
        schema=schema,
        model=model,
        model_run=trainer.outputs["model_run"],
        earlier_statistics=earlier.outputs["statistics"] if earlier else None,
        config=config.model_dump_json(),
        code=code("components.evaluation_report.executor"),
    )
    pusher = Pusher(
        model=model,
        model_blessing=evaluator.outputs["blessing"],
        examples=examples,
        destination=places.serving,
        # Never from the cache, which does not know whether what was pushed is still there.
        attempt=uuid.uuid4().hex if local else "",
        code=code("components.pusher.executor"),
    )
    nodes: list[BaseNode] = [
        example_gen, statistics_gen, schema_gen, validator, transform, trainer,
        *([latest_blessed] if latest_blessed else []), evaluator,
        *([earlier] if earlier else []), report, pusher,
    ]  # fmt: skip
    return Pipeline(
        pipeline_name=config.name,
        pipeline_root=places.root,
        components=nodes,
        enable_cache=cache,
        metadata_connection_config=(
            metadata.sqlite_metadata_connection_config(places.metadata) if places.metadata else None
        ),
        beam_pipeline_args=[_placeholder(argument) for argument in config.beam.args],
    )


def _placeholder(argument: str) -> str | Placeholder:
    """An argument in which TFX fills in the environment's values, when a step begins.

    So what it writes down and logs has the names alone.
    """
    parts: list[str | Placeholder] = []
    end = 0
    for found in secrets.REFERENCE.finditer(argument):
        parts += [argument[end : found.start()], environment_variable(found["name"])]
        end = found.end()
    parts += [argument[end:]]
    return functools.reduce(operator.add, [part for part in parts if part != ""] or [""])


def _transformed_splits(config: Config) -> SplitsConfig:
    """Vocabularies are of the training split, and of what is known of its items."""
    items = [features.ITEMS] if feature_config.of("item", config.features) else []
    return SplitsConfig(analyze=["train", *items], transform=["train", "validation", *items])


def _transform_config(config: Config) -> dict[str, str]:
    """What `preprocessing_fn` reads, and no more: the rest must not spoil its cache."""
    settings = config.model_dump(include={"features", "tables"})
    return {
        "config": json.dumps(settings, sort_keys=True),
        "code": code("models.preprocessing"),
    }


def trainer_config(config: Config, checkpoints: str) -> dict[str, str]:
    """What `run_fn` reads."""
    settings = {
        **config.model_dump(include={"features", "tables"}),
        "history": config.history.model_dump(
            include={
                "max_length",
                "match",
                "session_gap",
                "min_local",
                "targets_per_example",
                "ties",
            }
        )
        | {"clock": config.log.mapping.time.unit != "order"},
        "seed": config.seed,
        "model": config.model.model_dump(),
        "training": config.training.model_dump(),
        "labels": config.tasks.model_dump(),
        "drawn_negatives": config.drawn_negatives,
        "split": _split(config),
        "before": {
            role: column.before
            for role, column in config.log.mapping.ids().items()
            if column.before is not None and role in feature_config.ROLE_TABLES
        },
    }
    return {
        "config": json.dumps(settings, sort_keys=True),
        "code": code("models.trainer"),
        "checkpoint_dir": checkpoints,
    }


def _split(config: Config) -> dict[str, str]:
    """What decides which split a target is in."""
    settings = config.split.model_dump(exclude={"eval_per_user"}, exclude_none=True)
    if config.split.by == "user_hash":
        settings["seed"] = config.seed
    return {name: str(value) for name, value in settings.items()}


def _latest_blessed(candidate: Channel) -> Resolver:
    """The model to beat."""
    return Resolver(
        strategy_class=LatestOtherBlessedModelStrategy,
        model=Channel(type=standard_artifacts.Model),
        model_blessing=Channel(type=standard_artifacts.ModelBlessing),
        candidate=candidate,
    ).with_id("LatestBlessedModel")


def _earlier_statistics(current: Channel) -> Resolver:
    """What the data are compared with for drift."""
    return Resolver(
        strategy_class=LatestOtherStatisticsStrategy,
        statistics=Channel(type=standard_artifacts.ExampleStatistics),
        current=current,
    ).with_id("EarlierStatistics")
