"""The folder of a local run, for commands that look at what it left."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ml_metadata import errors

from components.errors import InputError
from pipeline.run_folder import lineage
from pipeline.run_folder.check import METADATA, check_metadata
from pipeline.run_folder.lineage import Artifact

_GO_ON = "the same `everlong run` goes on where it was"
_LAST_NODE = "Pusher"


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """What the latest run in a folder left: of those that came to their end, if any did.

    So a run that failed does not hide what earlier ones left.

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
        check_metadata(path / METADATA)
        try:
            store = lineage.open_store(path / METADATA)
            left = [(run.name, lineage.outputs(store, run, path)) for run in lineage.runs(store)]
        except (RuntimeError, errors.StatusError) as error:
            reason = " ".join(str(error).split())[:120]
            raise InputError(f"{path / METADATA} cannot be read: {reason}") from None
        left = [run for run in left if run[1]]
        if not left:
            raise InputError(f"{folder}: nothing in it has finished yet; {_GO_ON}")
        return cls(path, *next((run for run in left if _LAST_NODE in run[1]), left[0]))

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
                f"{self.path}: {artifact.uri}, which {node} wrote, is gone; was the folder "
                f"cleaned? The same `everlong run` makes it again"
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
    store = lineage.open_store(folder / METADATA)
    found = [
        execution
        for context in store.get_contexts_by_type("node")
        if context.name.rpartition(".")[2] == node
        for execution in store.get_executions_by_context(context.id)
        if execution.last_known_state in lineage.FINISHED
    ]
    return [
        Execution(
            lineage.values(execution.custom_properties),
            lineage.of_execution(store, execution.id, lineage.INPUTS, folder),
            lineage.of_execution(store, execution.id, lineage.OUTPUTS, folder),
        )
        for execution in sorted(found, key=lambda e: -e.id)
    ]
