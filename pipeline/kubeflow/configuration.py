"""The first step of a run: what all others are told, by the configuration and the log as they are.

A compiled pipeline knows neither the parameters of a run nor the log's files of that day. So this
step, which Kubeflow never takes from its cache, builds the graph anew and hands every component its
properties, the log's fingerprint among them. A component runs again exactly if these or its inputs
changed.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.orchestration.kubeflow.v2 import compiler_utils

from components.behavior_example_gen.check import check_log, fingerprint
from pipeline.config import Config
from pipeline.kubeflow.name import home
from pipeline.kubeflow.parameters import configured
from pipeline.kubeflow.storage import checkpoint_path, lasting_path
from pipeline.pipeline import Places, create_pipeline

# Inputs of the step: the compiled configuration, and the text of `data_schema`, which is a file of
# the machine that compiled.
CONFIG, SCHEMA = "config", "data_schema"


def components(config: Config, log_fingerprint: str) -> list[BaseComponent]:
    """The components of a run, in topological order."""
    at = home(config)
    serving = config.push.destination or f"{at}/serving"
    places = Places(
        root=at,
        checkpoints=checkpoint_path(f"{at}/checkpoints"),
        serving=lasting_path(serving),
    )
    pipeline = create_pipeline(config, places, log_fingerprint)
    return [node for node in pipeline.components if isinstance(node, BaseComponent)]


def properties(component: BaseComponent) -> Iterator[tuple[str, Any]]:
    """The properties that a component is given, by name."""
    for name, value in component.exec_properties.items():
        if value is not None:
            yield name, value


def output(component: BaseComponent, name: str) -> str:
    """The name of the output that holds a component's property."""
    return f"{component.id}_{name}"


def configure(values: Mapping[str, Any], schema: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs of the step: every property of every component.

    Args:
      values: the compiled configuration.
      schema: the text of `data_schema`; empty: the curated one.
      given: the run's parameters.

    Returns:
      Texts and numbers by the names that `output` gives.

    Raises:
      InputError: if a parameter or the log cannot be used.
    """
    config = configured(values, given)
    if schema:
        config = config.model_copy(update={"data_schema": str(_file(schema))})
    folder = lasting_path(config.log.folder)
    config = config.model_copy(update={"log": config.log.model_copy(update={"folder": folder})})
    check_log(config.ingest)
    return {
        output(component, name): _plain(value)
        for component in components(config, fingerprint(config.ingest))
        for name, value in properties(component)
    }


def _file(schema: str) -> Path:
    """A file with the schema, always the same: the path is part of the configuration."""
    digest = hashlib.sha256(schema.encode()).hexdigest()[:16]
    file = Path(tempfile.gettempdir()) / f"everlong-schema-{digest}.pbtxt"
    file.write_text(schema, encoding="utf-8")
    return file


def _plain(value: Any) -> str | float:
    """A property as Kubeflow hands it on."""
    converted = compiler_utils.value_converter(value)
    assert converted is not None, "`properties` leaves None out"
    return getattr(converted.constant, converted.constant.WhichOneof("kind"))
