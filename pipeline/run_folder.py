"""The folder of a local run, for commands that look at what it left."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_metadata import errors, proto
from ml_metadata.metadata_store import metadata_store

from components.errors import InputError
from pipeline.lineage import Artifact, artifacts

METADATA = "metadata.sqlite"
_GO_ON = "the same `everlong run` goes on where it was"
_INPUTS = (proto.Event.INPUT, proto.Event.DECLARED_INPUT)
_OUTPUTS = (proto.Event.OUTPUT, proto.Event.DECLARED_OUTPUT)
_FINISHED = (proto.Execution.COMPLETE, proto.Execution.CACHED)


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """What the latest run in a folder left.

    Attributes:
      path: absolute, of the folder.
      name: of the run, as TFX gave it.
      outputs: artifacts as `{node: {output: artifact}}`, of the nodes that finished.
    """

    path: Path
    name: str
    outputs: dict[str, dict[str, Artifact]]

    @classmethod
    def open(cls, folder: Path) -> RunFolder:
        """Reads the folder that `everlong run --output-dir` wrote.

        Raises:
          InputError: if it holds no run.
        """
        path = folder.resolve()
        if not path.is_dir():
            raise InputError(f"{folder}: there is no such folder; give the --output-dir of a run")
        if not (path / METADATA).is_file():
            raise InputError(
                f"{folder}: holds no run (it has no {METADATA}); give the --output-dir of a run"
            )
        try:
            store = _store(path)
            runs = store.get_contexts_by_type("pipeline_run")
            found = artifacts(path / METADATA)
        except (RuntimeError, errors.StatusError) as error:
            reason = " ".join(str(error).split())[:120]
            raise InputError(f"{path / METADATA} cannot be read: {reason}") from None
        if not found:
            raise InputError(f"{folder}: nothing in it has finished yet; {_GO_ON}")
        latest = max(runs, key=lambda run: (run.create_time_since_epoch, run.id))
        return cls(path, latest.name, found)

    def output(self, node: str, name: str) -> Artifact:
        """An output of a node, whose files are there.

        Raises:
          InputError: if the latest run did not come that far, or the files are gone.
        """
        if node not in self.outputs:
            raise InputError(
                f"{self.path}: its latest run has not finished {node} (finished: "
                f"{', '.join(self.outputs)}); {_GO_ON}"
            )
        artifact = self.outputs[node][name]
        if not Path(artifact.uri).exists():
            raise InputError(
                f"{self.path}: {artifact.uri}, which {node} wrote, is gone; was the folder moved "
                f"or cleaned? Run again in a new folder"
            )
        return artifact


@dataclasses.dataclass(frozen=True)
class Execution:
    """One finished execution of a node.

    Attributes:
      parameters: its execution properties.
      inputs, outputs: its artifacts by name.
    """

    parameters: dict[str, Any]
    inputs: dict[str, Artifact]
    outputs: dict[str, Artifact]


def executions(folder: Path, node: str) -> list[Execution]:
    """The finished executions of a node, of all runs in a folder, the newest first."""
    store = _store(folder)
    found = [
        execution
        for context in store.get_contexts_by_type("node")
        if context.name.rpartition(".")[2] == node
        for execution in store.get_executions_by_context(context.id)
        if execution.last_known_state in _FINISHED
    ]
    return [
        Execution(
            _values(execution.custom_properties),
            _artifacts(store, execution.id, _INPUTS),
            _artifacts(store, execution.id, _OUTPUTS),
        )
        for execution in sorted(found, key=lambda e: -e.id)
    ]


def _store(folder: Path) -> metadata_store.MetadataStore:
    config = proto.ConnectionConfig()
    config.sqlite.filename_uri = str(folder / METADATA)
    return metadata_store.MetadataStore(config)


def _artifacts(
    store: metadata_store.MetadataStore, execution: int, kinds: tuple[int, ...]
) -> dict[str, Artifact]:
    events = [e for e in store.get_events_by_execution_ids([execution]) if e.type in kinds]
    by_id = {a.id: a for a in store.get_artifacts_by_id([e.artifact_id for e in events])}
    found = {}
    for event in events:
        name = next(step.key for step in event.path.steps if step.HasField("key"))
        artifact = by_id[event.artifact_id]
        properties = _values(artifact.properties) | _values(artifact.custom_properties)
        found[name] = Artifact(artifact.uri, properties)
    return found


def _values(properties: Mapping[str, proto.Value]) -> dict[str, Any]:
    return {
        name: getattr(value, value.WhichOneof("value"))
        for name, value in properties.items()
        if value.WhichOneof("value")
    }
