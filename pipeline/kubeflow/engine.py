"""Executes a compiled pipeline on this machine: every step is its container's own command.

A rehearsal of what a cluster does, without images, pods and object stores: Kubeflow's driver and
launcher are played by this module and `executor_input`. Secrets come from the environment, by the
names of their variables; volumes must be mounted where the steps expect them.
"""

from __future__ import annotations

import dataclasses
import graphlib
import json
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2 as pb2

from components.errors import InputError
from pipeline.kubeflow.executor_input import Made, cache_key, executor_input
from pipeline.kubeflow.name import CONFIGURATION, PREDECESSORS
from pipeline.kubeflow.step import PLACEHOLDER
from pipeline.result_file import write_atomically
from pipeline.run.progress import WHAT
from pipeline.terminal.console import Terminal
from pipeline.terminal.exit_codes import BAD_INPUT

_DOES = WHAT | {
    CONFIGURATION: "reading the parameters of the run and the state of the log",
    PREDECESSORS: "looking up the latest blessed model and the statistics of earlier data",
}
_SOURCE = Path(__file__).resolve().parents[2]
_ERROR_LINE = re.compile(r"(?:\w+\.)*\w*(?:Error|Exception): \S.*")


class StepFailed(RuntimeError):
    """A step's command ended with an error; the message is the reason that it gave."""

    def __init__(self, step: str, reason: str, log: Path) -> None:
        super().__init__(f"{step} failed: {reason} (log: {log})")


@dataclasses.dataclass(frozen=True)
class Run:
    """What a run gave.

    Attributes:
      made: the outputs of each task.
      seconds: wall seconds of each task.
      cached: tasks whose earlier outputs were used again.
    """

    made: dict[str, Made]
    seconds: dict[str, float]
    cached: list[str]


class Engine:
    """Runs a pipeline's tasks one after another.

    Args:
      documents: the compiled pipeline, as `compile.documents` returns it.
      folder: absolute; keeps the cache, `cache.json`, from run to run, and the steps' logs.
      terminal: where progress goes.
    """

    def __init__(self, documents: list[dict[str, Any]], folder: Path, terminal: Terminal) -> None:
        self._spec = json_format.ParseDict(documents[0], pb2.PipelineSpec())
        self._executors = documents[0]["deploymentSpec"]["executors"]
        platforms = documents[1]["platforms"]["kubernetes"] if documents[1:] else {}
        self._kubernetes = platforms.get("deploymentSpec", {}).get("executors", {})
        self._folder, self._terminal = folder, terminal
        self._cache_file = folder / "cache.json"
        self._cache: dict[str, Made] = {}
        if self._cache_file.exists():
            self._cache = json.loads(self._cache_file.read_text(encoding="utf-8"))

    def run(self, parameters: Mapping[str, Any]) -> Run:
        """Runs all tasks.

        Args:
          parameters: values of the run's parameters; the others have their defaults.

        Raises:
          InputError: if a step refuses its input.
          StepFailed: if a step fails otherwise.
        """
        definitions = self._spec.root.input_definitions.parameters
        values = {
            name: json_format.MessageToDict(declared.default_value)
            for name, declared in definitions.items()
        }
        values |= parameters
        tasks = self._spec.root.dag.tasks
        graph = {name: list(task.dependent_tasks) for name, task in tasks.items()}
        order = list(graphlib.TopologicalSorter(graph).static_order())
        run = Run({}, {}, [])
        name = time.strftime("%Y%m%d-%H%M%S-") + uuid.uuid4().hex[:8]
        for number, task in enumerate(order, 1):
            start = time.monotonic()
            self._terminal.line(f"[{number:2}/{len(order)}] {task}: {_DOES.get(task, 'running')}")
            with self._terminal.running(f"      {task}"):
                made, cached = self._execute(task, values, run.made, name)
            run.made[task], run.seconds[task] = made, round(time.monotonic() - start, 2)
            run.cached.extend([task] if cached else [])
            state = "unchanged, taken from the cache:" if cached else "done in"
            self._terminal.line(f"        {state} {run.seconds[task]:.1f} s")
        return run

    def _execute(
        self, name: str, values: Mapping[str, Any], made: Mapping[str, Made], run: str
    ) -> tuple[Made, bool]:
        """Runs one task, or takes its outputs from the cache; and which of both."""
        task = self._spec.root.dag.tasks[name]
        component = self._spec.components[task.component_ref.name]
        container = self._executors[component.executor_label]["container"]
        kubernetes = self._kubernetes.get(component.executor_label, {})
        root = f"{self._spec.default_pipeline_root}/{self._spec.pipeline_info.name}/{run}"
        folder = f"{root}/{name}/{uuid.uuid4().hex}"
        given = executor_input(task, component, values, made, folder)
        claims = [mount["constant"] for mount in kubernetes.get("pvcMount", [])]
        key = cache_key(given, component, container, claims)
        cached = self._cache.get(key) if task.caching_options.enable_cache else None
        if cached and all(os.path.isdir(one["uri"]) for one in cached["artifacts"].values()):
            return cached, True
        log = self._folder / "steps" / run / f"{name}.txt"
        self._try(name, task.retry_policy.max_retry_count, container, given, log)
        result = _collect(given)
        if task.caching_options.enable_cache:
            self._cache[key] = result
            write_atomically(self._cache_file, json.dumps(self._cache, indent=1) + "\n")
        return result, False

    def _try(
        self,
        name: str,
        retries: int,
        container: Mapping[str, Any],
        given: Mapping[str, Any],
        log: Path,
    ) -> None:
        """Runs a container's command, and again at once after a failure, so often as it may.

        Refused input stays refused, so it is not tried again, as a cluster would.
        """
        for retry in range(1, retries + 1):
            try:
                return self._start(name, container, given, log)
            except StepFailed as error:
                self._terminal.line(f"        {error}; retry {retry} of {retries}")
            log = log.with_name(f"{name}-{retry}.txt")
        self._start(name, container, given, log)

    def _start(
        self, name: str, container: Mapping[str, Any], given: Mapping[str, Any], log: Path
    ) -> None:
        """Runs a container's command."""
        told = json.dumps(given)
        command = [
            word.replace(PLACEHOLDER, told) for word in (*container["command"], *container["args"])
        ]
        environment = os.environ | {one["name"]: one["value"] for one in container.get("env", [])}
        # `python` is the image's, which is this one here; so is the source.
        environment["PATH"] = _before(str(Path(sys.executable).parent), os.environ.get("PATH"))
        environment["PYTHONPATH"] = _before(str(_SOURCE), os.environ.get("PYTHONPATH"))
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as file:
            done = subprocess.run(
                command, env=environment, stdout=file, stderr=subprocess.STDOUT, check=False
            )
        if done.returncode == 0:
            return
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        if done.returncode == BAD_INPUT:
            said = [line for line in lines if line.startswith(f"everlong: {name}: ")]
            if said:
                told = "\n".join(lines[lines.index(said[-1]) :])
                raise InputError(f"{told.removeprefix('everlong: ')} (log: {log})")
        raise StepFailed(name, _reason(lines, done.returncode), log)


def _collect(given: Mapping[str, Any]) -> Made:
    """What a task gave: the outputs that it was told, with what it wrote of them."""
    outputs = given["outputs"]
    written = json.loads(Path(outputs["outputFile"]).read_text(encoding="utf-8"))
    artifacts = {}
    for name, several in outputs["artifacts"].items():
        told = written.get("artifacts", {}).get(name, {}).get("artifacts", [{}])[0]
        artifacts[name] = {
            "name": uuid.uuid4().hex,  # an id of ML Metadata
            "uri": told.get("uri", several["artifacts"][0]["uri"]),
            "metadata": told.get("metadata", {}),
        }
    return {"parameters": written.get("parameterValues", {}), "artifacts": artifacts}


def _reason(lines: Iterable[str], code: int) -> str:
    """The last error that a log tells of."""
    found = [line for line in lines if _ERROR_LINE.match(line)]
    return found[-1][:500] if found else f"exit code {code}"


def _before(path: str, others: str | None) -> str:
    return path if not others else f"{path}{os.pathsep}{others}"
