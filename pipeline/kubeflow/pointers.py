"""What a run leaves for the next one: which models were blessed, and the statistics of its data.

Open-source Kubeflow cannot ask ML Metadata for the latest artifact of a kind, and what its
launcher would ask depends on the version. So Pusher and StatisticsGen leave a file each in the
pipeline's home, and the step `Predecessors` reads both.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from pathlib import Path
from typing import Any

from tfx.dsl.io import fileio

from components import artifact_content
from components.errors import InputError
from models import content
from pipeline.kubeflow.storage import artifact_path, earlier_path, lasting_path
from pipeline.result_file import write_atomically

_KEPT = 100  # entries of a file; the latest are the last
_SPLITS = "split_names"  # property of statistics and examples, as TFX calls it


@dataclasses.dataclass(frozen=True)
class Pointer:
    """One of the files, who writes it, and who gets what it says.

    Attributes:
      file: name in the pipeline's home.
      left_by: component that adds an entry.
      artifact: the artifact of that component that is the entry, an input or an output.
      maker: component, and its output of the same type, that is never its own predecessor.
      given_to: component, and its optional input that gets the predecessor.
    """

    file: str
    left_by: str
    artifact: str
    maker: tuple[str, str]
    given_to: tuple[str, str]

    @property
    def parameter(self) -> str:
        """The output of `Predecessors`: an artifact as JSON, or nothing."""
        return self.given_to[1]


POINTERS = (
    Pointer(
        "blessed.json", "Pusher", "model", ("Trainer", "model"), ("Evaluator", "baseline_model")
    ),
    Pointer(
        "statistics.json",
        "StatisticsGen",
        "statistics",
        ("StatisticsGen", "statistics"),
        ("EvaluationReport", "earlier_statistics"),
    ),
)


def leave(pointer: Pointer, home: str, artifact: dict[str, Any]) -> None:
    """Makes an artifact the latest of a pointer's file.

    Args:
      pointer: whose file.
      home: the pipeline's.
      artifact: `uri` and `metadata`, as Kubeflow knows it.
    """
    entry = {
        "uri": artifact["uri"],
        "metadata": artifact.get("metadata", {}),
        artifact_content.CONTENT: content.of_folder(artifact_path(artifact["uri"])),
    }
    file = os.path.join(lasting_path(home), pointer.file)
    others = [one for one in _entries(file) if one["uri"] != entry["uri"]]
    _write(file, json.dumps([*others, entry][-_KEPT:], indent=2) + "\n")


def predecessor(pointer: Pointer, home: str, current: dict[str, Any]) -> dict[str, Any] | None:
    """The latest artifact of a pointer's file that is not `current`, and is whole.

    What Evaluator and the report do with it is as in a local run (`components.latest_blessed`).

    Args:
      pointer: whose file.
      home: the pipeline's.
      current: the artifact of this run.

    Returns:
      `uri` and `metadata`.

    Raises:
      InputError: if the file is damaged.
    """
    splits = current.get("metadata", {}).get(_SPLITS)
    for entry in reversed(_entries(os.path.join(lasting_path(home), pointer.file))):
        if entry["uri"] == current["uri"] or entry["metadata"].get(_SPLITS) != splits:
            continue
        written = entry[artifact_content.CONTENT]
        fault = artifact_content.fault(earlier_path(entry["uri"]), written)
        if fault is None:
            return {"uri": entry["uri"], "metadata": entry["metadata"]}
        logging.getLogger("everlong").warning("%s: passed over: %s", pointer.file, fault)
    return None


def _entries(file: str) -> list[dict[str, Any]]:
    if not fileio.exists(file):
        return []
    with fileio.open(file, "r") as opened:
        text = opened.read()
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(
            f"{file}: is damaged ({error}); remove it, and the next model is judged without another"
        ) from None


def _write(file: str, text: str) -> None:
    """Writes a file whole or not at all, as an object of a store appears anyway."""
    fileio.makedirs(os.path.dirname(file))
    if "://" in file:
        with fileio.open(file, "w") as opened:
            opened.write(text)
    else:
        write_atomically(Path(file), text)
