"""What local runs left in ML Metadata: the artifacts of a run, by node."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_metadata import proto
from ml_metadata.metadata_store import metadata_store

from pipeline.run_folder.relocate import relocated

INPUTS = (proto.Event.INPUT, proto.Event.DECLARED_INPUT)
OUTPUTS = (proto.Event.OUTPUT, proto.Event.DECLARED_OUTPUT)
FINISHED = (proto.Execution.COMPLETE, proto.Execution.CACHED)

Outputs = dict[str, dict[str, "Artifact"]]


@dataclasses.dataclass(frozen=True)
class Artifact:
    """One input or output of one node: its folder and its properties."""

    uri: str
    properties: dict[str, Any]


def open_store(metadata: Path) -> metadata_store.MetadataStore:
    """The store of a local run, a SQLite file."""
    config = proto.ConnectionConfig()
    config.sqlite.filename_uri = str(metadata)
    return metadata_store.MetadataStore(config)


def runs(store: metadata_store.MetadataStore) -> list[proto.Context]:
    """The runs that a store knows, the newest first."""
    return sorted(
        store.get_contexts_by_type("pipeline_run"),
        key=lambda run: (run.create_time_since_epoch, run.id),
        reverse=True,
    )


def outputs(store: metadata_store.MetadataStore, run: proto.Context, folder: Path) -> Outputs:
    """The outputs of a run in a folder, as `{node: {output: artifact}}`.

    A node that did not finish is absent; one taken from the cache is present.
    """
    found: Outputs = {}
    for execution in sorted(store.get_executions_by_context(run.id), key=lambda e: e.id):
        if execution.last_known_state in FINISHED:
            made = of_execution(store, execution.id, OUTPUTS, folder)
            if made:
                found.setdefault(_node(store, execution.id), {}).update(made)
    return found


def names(store: metadata_store.MetadataStore) -> set[str]:
    """The names of all runs that a store knows."""
    return {run.name for run in runs(store)}


def of_run(metadata: Path, name: str) -> Outputs:
    """The outputs of the run of that name, see `outputs`."""
    store = open_store(metadata)
    (run,) = (run for run in runs(store) if run.name == name)
    return outputs(store, run, metadata.parent)


def of_execution(
    store: metadata_store.MetadataStore, execution: int, kinds: tuple[int, ...], folder: Path
) -> dict[str, Artifact]:
    """The artifacts of an execution by name, as they are in the folder: `INPUTS` or `OUTPUTS`."""
    events = [e for e in store.get_events_by_execution_ids([execution]) if e.type in kinds]
    by_id = {a.id: a for a in store.get_artifacts_by_id([e.artifact_id for e in events])}
    found = {}
    for event in events:
        name = next(step.key for step in event.path.steps if step.HasField("key"))
        artifact = relocated(by_id[event.artifact_id], folder)
        found[name] = Artifact(
            artifact.uri, values(artifact.properties) | values(artifact.custom_properties)
        )
    return found


def values(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Properties, which are `proto.Value`s, as plain values."""
    return {
        name: getattr(value, value.WhichOneof("value"))
        for name, value in properties.items()
        if value.WhichOneof("value")
    }


def _node(store: metadata_store.MetadataStore, execution: int) -> str:
    contexts = store.get_contexts_by_execution(execution)
    name = next(context.name for context in contexts if context.type == "node")
    return name.rpartition(".")[2]
