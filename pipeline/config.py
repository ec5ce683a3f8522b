"""The configuration of a run: one typed, validated YAML file.

Each room owns its sections (`components.behavior_example_gen.config`, `models.config`,
`models.training_config`, `components.evaluator.config`); this module composes them. Nothing here
imports TensorFlow, so that a wrong key is refused in a second.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic
from pydantic import Field

from components import secrets
from components.behavior_example_gen.config.ingest_config import (
    HistoryConfig,
    IngestConfig,
    LogConfig,
    SplitConfig,
)
from components.behavior_example_gen.config.label_config import LabelConfig, Labels
from components.errors import NO_HOME
from components.evaluator.config import GateConfig
from models import feature_config
from models.config import ModelConfig, TwinConfig
from models.feature_config import Features, Tables
from models.label_config import LabelTask, LabelTasks
from models.section import Section, without_null
from models.training_config import TrainingConfig
from pipeline.errors import ConfigError, describe
from pipeline.kubeflow_config import KubeflowConfig
from pipeline.yaml_text import find_file, parse, read

SHIPPED = Path(__file__).parent / "configs"


class PushConfig(Section):
    """Where blessed models go."""

    destination: str | None = Field(
        None,
        description="Folder that TF Serving watches, or a place in an object store; tried before a "
        "run starts. A blessed model is DESTINATION/<version>. null: OUTPUT_DIR/serving.",
    )

    @pydantic.field_validator("destination")
    @classmethod
    def _is_written_out(cls, destination: str | None) -> str | None:
        if destination is not None and destination.startswith("~"):
            raise ValueError(NO_HOME)
        return destination


class BeamConfig(Section):
    """How every Beam step runs."""

    args: list[str] = Field(
        [],
        description="Arguments of Beam pipelines, such as --runner=FlinkRunner; empty: in memory, "
        "in this process. A secret is written as ${NAME} of the environment.",
    )
    shard_memory_mib: int = Field(
        256,
        ge=1,
        le=2**24,
        description="MiB that a shard of users may take while it is cut into examples; a worker "
        "cuts as many at a time as it has cores.",
    )

    @pydantic.field_validator("args")
    @classmethod
    def _no_secrets(cls, args: list[str]) -> list[str]:
        for name, value in _options(args):
            secrets.refuse_literals(value, name)
            if "${file:" in value:
                raise ValueError(
                    f"Beam's arguments take ${{NAME}} of the environment only. Received: {name} "
                    "with ${file:…}"
                )
        return args

    @pydantic.field_validator("args")
    @classmethod
    def _keeps_all_data(cls, args: list[str]) -> list[str]:
        for position, argument in enumerate(args):
            runner = argument.removeprefix("--runner=")
            if argument == "--runner":
                runner = args[position + 1] if position + 1 < len(args) else ""
            if runner.rsplit(".", 1)[-1].lower() in ("dask", "daskrunner"):
                raise ValueError(
                    "Beam's DaskRunner loses elements without an error; use the in-memory "
                    "default, Flink, Spark or Dataflow"
                )
        return args


def _options(args: list[str]) -> Iterator[tuple[str, str]]:
    """The name and value of each of Beam's arguments, be they one word or two."""
    for argument, after in itertools.zip_longest(args, args[1:], fillvalue=""):
        name, equals, value = argument.partition("=")
        yield name, value if equals or after.startswith("--") else after


def check_length(model: ModelConfig, length: int) -> None:
    """Raises `ValueError` where the model cannot read histories of so many behaviours."""
    if model.longest is not None and length > model.longest:
        raise ValueError(
            f"`history.max_length` must be at most {model.longest:,} with `model.name: "
            f"{model.name}`, which compares every behaviour with every other. Received: {length:,}"
        )


class Config(Section):
    """One run, from the behaviour log to the pushed model."""

    name: str = Field(
        description="Name of the pipeline: letters, digits, '-' and '_'.",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$",
        max_length=63,
    )
    seed: int = Field(7, ge=0, lt=2**31, description="Seed of everything that is random in a run.")
    log: LogConfig = Field(description="The behaviour log and what its columns mean.")
    features: Features = Field(
        {},
        description="What else the log knows: of items, users, requests and behaviours, by name; "
        "one that is null is left out.",
    )
    tables: Tables = Field(
        {},
        description="Embedding tables that differ from the default, by the feature's name; one "
        "that is null does not.",
    )
    label: LabelConfig | None = Field(
        None, description="What the model learns to predict; null: see `labels`."
    )
    labels: Labels = Field(
        {},
        description="Several labels, by name, instead of `label`. `primary: NAME` says by which "
        "targets are chosen, and models stopped and compared; without it the first. One that is "
        "null is left out.",
    )
    history: HistoryConfig = Field(
        default_factory=HistoryConfig, description="Which behaviours a target sees."
    )
    split: SplitConfig = Field(
        default_factory=SplitConfig, description="Which targets train, validate and evaluate."
    )
    data_schema: str | None = Field(
        None,
        description="A TFMD schema (*.pbtxt) of your own for the examples; null: the curated one "
        "of this version, fitted to the log's columns.",
    )
    model: ModelConfig = Field(
        default_factory=lambda: TwinConfig(name="twin"),
        description="The model and its hyper-parameters.",
    )
    training: TrainingConfig = Field(
        default_factory=TrainingConfig, description="How the model is trained."
    )
    gate: GateConfig = Field(
        default_factory=GateConfig, description="What a model must show before it is pushed."
    )
    push: PushConfig = Field(default_factory=PushConfig, description=PushConfig.__doc__)
    beam: BeamConfig = Field(default_factory=BeamConfig, description=BeamConfig.__doc__)
    kubeflow: KubeflowConfig = Field(
        default_factory=KubeflowConfig, description=KubeflowConfig.__doc__
    )

    @pydantic.field_validator("model", mode="before")
    @classmethod
    def _twin_unless_named(cls, model: Any) -> Any:
        return {"name": "twin", **model} if isinstance(model, dict) else model

    @pydantic.field_validator("features", "tables", mode="before")
    @classmethod
    def _null_is_left_out(cls, named: Any) -> Any:
        return without_null(named)

    @pydantic.model_validator(mode="after")
    def _features_fit(self) -> Config:
        feature_config.check(self.features, self.tables)
        unread = list(feature_config.of("event", self.features))
        if unread and isinstance(self.model, TwinConfig) and not self.model.cross_features:
            raise ValueError(
                f"`model.cross_features: false` lets TWIN read nothing of behaviours but their "
                f"items, so nothing reads the features of events. Received: `features` "
                f"{', '.join(unread)}; remove them, or set `model.cross_features: true`"
            )
        return self

    @pydantic.model_validator(mode="after")
    def _histories_fit(self) -> Config:
        check_length(self.model, self.history.max_length)
        return self

    @pydantic.model_validator(mode="after")
    def _one_label_or_several(self) -> Config:
        if (self.label is None) == (not self.labels):
            raise ValueError(
                f"exactly one of `label` and `labels` must be given. Received: "
                f"{'both' if self.labels else 'none'}"
            )
        first = next(iter(self.labels), None)
        if first is not None and (self.labels[first].given or self.labels[first].within):
            raise ValueError(
                f"`labels.{first}` is the primary label, by which targets are chosen, so it takes "
                f"neither `given` nor `within`. Received: given {self.labels[first].given!r}, "
                f"within {self.labels[first].within!r}; set `labels.primary` to another"
            )
        others = list(self.labels)[1:]
        if unknown := sorted(set(self.gate.labels) - set(others)):
            raise ValueError(
                f"`gate.labels` must name labels beside the primary one: {', '.join(others)}. "
                f"Received: {', '.join(unknown)}"
            )
        return self

    @pydantic.model_validator(mode="after")
    def _ingest_fits(self) -> Config:
        try:
            _ = self.ingest
        except pydantic.ValidationError as error:
            told = [fault["msg"].removeprefix("Value error, ") for fault in error.errors()]
            raise ValueError(" ".join(told)) from None
        return self

    @property
    def ingest(self) -> IngestConfig:
        """The sections that decide what the examples are."""
        primary = next(iter(self.labels), None)
        label = self.labels[primary] if primary else self.label
        assert label is not None, "one of both is given"
        return IngestConfig(
            log=self.log,
            features=self.features,
            label=label.model_dump(include=set(LabelConfig.model_fields)),
            primary=primary,
            labels={name: of for name, of in self.labels.items() if name != primary},
            history=self.history,
            split=self.split,
            seed=self.seed,
            shard_memory_mib=self.beam.shard_memory_mib,
        )

    @property
    def drawn_negatives(self) -> int:
        """Negatives drawn for each positive; 0 if labels are the log's."""
        negatives = self.ingest.label.negatives
        return negatives.per_positive if negatives else 0

    @property
    def tasks(self) -> LabelTasks:
        """What a model must know of the labels."""
        if not self.labels:
            return LabelTasks()
        told = {
            name: LabelTask(weight=label.weight, given=label.given)
            for name, label in self.labels.items()
        }
        primary = next(iter(told))
        weight = told.pop(primary).weight
        return LabelTasks(primary=primary, weight=weight, others=told)

    @property
    def hash(self) -> str:
        """Short digest of every value: two runs with one hash were told the same."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]


def find(name: str) -> Path:
    """The file that `--config NAME` means: a path, or the name of a shipped configuration.

    Raises:
      ConfigError: if there is neither.
    """
    shipped = SHIPPED / f"{Path(name).stem}.yaml"
    if path := find_file(Path(name), shipped if "/" not in name else Path(name)):
        return path
    known = ", ".join(sorted(path.stem for path in SHIPPED.glob("*.yaml")))
    raise ConfigError(
        f"--config: no file {name[:200]!r}; give a YAML file, or a shipped name: {known}"
    )


def load(name: str, overrides: list[str] | None = None) -> Config:
    """Reads, overrides and validates a configuration.

    Args:
      name: path of a YAML file, or a shipped name such as "demo".
      overrides: `section.key=value` strings; values are YAML.

    Raises:
      ConfigError: naming every wrong key, its value and the nearest valid key.
    """
    path = find(name)
    return build(read(path), overrides or [], str(path), "--set")


def build(values: dict[str, Any], overrides: list[str], source: str, flag: str) -> Config:
    """Overrides and validates the values of a configuration.

    Args:
      values: nested, as a YAML file has them; they are changed.
      overrides: `section.key=value` strings; values are YAML.
      source: where the values come from, for messages.
      flag: where the overrides come from, for messages.

    Raises:
      ConfigError: as `load`.
    """
    for override in overrides:
        _apply(values, override, flag)
    try:
        return Config.model_validate(values)
    except pydantic.ValidationError as error:
        raise ConfigError(describe(error, Config, source)) from None


def _apply(values: dict[str, Any], override: str, flag: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"{flag} {override[:80]!r}: write section.key=value")
    value = parse(text, f"{flag} {key}")
    *parents, last = key.split(".")
    section = values
    for parent in parents:
        section = (
            section.setdefault(parent, {})
            if section.get(parent) is not None
            else _new(section, parent)
        )
        if not isinstance(section, dict):
            raise ConfigError(f"{flag} {key}: {parent!r} is a value, not a section")
    section[last] = value


def _new(section: dict[str, Any], key: str) -> dict[str, Any]:
    section[key] = {}
    return section[key]
