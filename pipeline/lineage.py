"""What a local run left in ML Metadata: the artifacts of its latest run, by node."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ml_metadata import proto
from ml_metadata.metadata_store import metadata_store

_OUTPUTS = (proto.Event.OUTPUT, proto.Event.DECLARED_OUTPUT)


@dataclasses.dataclass(frozen=True)
class Artifact:
    """One output of one node: its folder and its properties."""

    uri: str
    properties: dict[str, Any]


def artifacts(metadata: Path) -> dict[str, dict[str, Artifact]]:
    """The outputs of the latest run, as `{node: {output: artifact}}`.

    A node that did not finish is absent; one taken from the cache is present.
    """
    config = proto.ConnectionConfig()
    config.sqlite.filename_uri = str(metadata)
    store = metadata_store.MetadataStore(config)
    runs = store.get_contexts_by_type("pipeline_run")
    if not runs:
        return {}
    latest = max(runs, key=lambda run: (run.create_time_since_epoch, run.id))
    found: dict[str, dict[str, Artifact]] = {}
    for execution in sorted(store.get_executions_by_context(latest.id), key=lambda e: e.id):
        if execution.last_known_state not in (proto.Execution.COMPLETE, proto.Execution.CACHED):
            continue
        node = _node(store, execution.id)
        events = [
            e for e in store.get_events_by_execution_ids([execution.id]) if e.type in _OUTPUTS
        ]
        by_id = {a.id: a for a in store.get_artifacts_by_id([e.artifact_id for e in events])}
        for event in events:
            key = next(step.key for step in event.path.steps if step.HasField("key"))
            artifact = by_id[event.artifact_id]
            found.setdefault(node, {})[key] = Artifact(
                artifact.uri,
                {
                    name: getattr(value, value.WhichOneof("value"))
                    for name, value in (
                        *artifact.properties.items(),
                        *artifact.custom_properties.items(),
                    )
                    if value.WhichOneof("value")
                },
            )
    return found


def _node(store: metadata_store.MetadataStore, execution: int) -> str:
    contexts = store.get_contexts_by_execution(execution)
    name = next(context.name for context in contexts if context.type == "node")
    return name.rpartition(".")[2]
