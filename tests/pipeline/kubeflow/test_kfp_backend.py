"""Kubeflow Pipelines' own API server and driver, built from its sources, read the compiled demo.

Building them takes minutes and gigabytes, so it is asked for: EVERLONG_TEST_KFP names a checkout
(git clone --depth 1 --branch 2.17.0 https://github.com/kubeflow/pipelines), whose dependencies Go
fetches from its module proxy. The checkout stays as it is.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline import config as configuration
from pipeline.kubeflow.compile import compile_pipeline

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

WORKFLOW = Path(__file__).parent / "backend" / "workflow.go"
TASKS = {
    "Configuration", "BehaviorExampleGen", "StatisticsGen", "ImportSchemaGen", "ExampleValidator",
    "Transform", "Trainer", "Predecessors", "Evaluator", "EvaluationReport", "Pusher",
}  # fmt: skip
# What a driver looks for first, once it has understood what it was given.
CLUSTER = "failed to get namespace in Pod"


@dataclasses.dataclass(frozen=True)
class Backend:
    """Commands built from Kubeflow's sources, by name, in a folder."""

    folder: Path

    def __call__(self, name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [self.folder / name, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Backend:
    sources = os.environ.get("EVERLONG_TEST_KFP")
    if not sources:
        pytest.skip("building Kubeflow takes minutes: EVERLONG_TEST_KFP=CHECKOUT asks for it")
    if not shutil.which("go"):
        pytest.skip("no go on the PATH, which Kubeflow's backend is built with")
    folder = tmp_path_factory.mktemp("backend")
    place = Path(sources).resolve() / "backend" / "src" / "everlong"
    overlay = folder / "overlay.json"
    overlay.write_text(json.dumps({"Replace": {str(place / "main.go"): str(WORKFLOW)}}))
    for name, package in [("workflow", place), ("driver", "./backend/src/v2/cmd/driver")]:
        command = ["go", "build", "-overlay", overlay, "-o", folder / name, package]
        done = subprocess.run(command, cwd=sources, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-4000:]
    return Backend(folder)


class Workflow:
    """The Argo workflow that the API server makes of a configuration."""

    def __init__(self, backend: Backend, folder: Path, *overrides: str) -> None:
        file = folder / "pipeline.yaml"
        image = ["kubeflow.pipeline_root=minio://bucket/e", "kubeflow.image=here:1"]
        compile_pipeline(configuration.load("demo", [*image, *overrides]), file)
        done = backend("workflow", file)
        assert done.returncode == 0, done.stderr[-4000:]
        spec = json.loads(done.stdout)["spec"]
        self._templates = {template["name"]: template for template in spec["templates"]}
        self._constants = {
            f"workflow.parameters.{one['name']}": one["value"]
            for one in spec["arguments"]["parameters"]
        }

    def tasks(self, dag: str) -> dict[str, dict[str, Any]]:
        """The tasks of a graph, by name."""
        return {task["name"]: task for task in self._templates[dag]["dag"]["tasks"]}

    def parameters(self, task: Mapping[str, Any]) -> dict[str, str]:
        """What a task is given, with the workflow's constants put in."""
        declared = self._templates[task["template"]]["inputs"]["parameters"]
        values = {one["name"]: one.get("default", "") for one in declared}
        values |= {one["name"]: one["value"] for one in task["arguments"]["parameters"]}
        return {name: _filled(value, self._constants) for name, value in values.items()}

    def drivers(self) -> Iterator[tuple[str, list[str]]]:
        """Each driver's task, and the arguments that Argo gives its container."""
        for dag in ("entrypoint", "root"):
            for name, task in self.tasks(dag).items():
                container = self._templates[task["template"]].get("container", {})
                if container.get("command") == ["driver"]:
                    known = {f"inputs.parameters.{k}": v for k, v in self.parameters(task).items()}
                    known["inputs.parameters.parent-dag-id"] = "1"  # the root's, once it ran
                    known["workflow.creationTimestamp"] = "2026-01-31T00:00:00Z"
                    yield name, [_filled(one, known) for one in container["args"]]


def _filled(text: str, values: Mapping[str, str]) -> str:
    """The text with Argo's placeholders replaced; of what only a cluster knows, by a word."""
    return re.sub(r"{{([a-z][\w.\-]*)}}", lambda found: values.get(found[1], "later"), text)


@pytest.fixture(scope="module")
def workflow(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    return Workflow(backend, tmp_path_factory.mktemp("plain"))


def test_each_step_is_a_driver_and_its_container(workflow: Workflow) -> None:
    tasks = workflow.tasks("root")
    assert set(tasks) == TASKS | {f"{name}-driver" for name in TASKS}
    for name in TASKS:
        container = json.loads(workflow.parameters(tasks[f"{name}-driver"])["container"])
        assert container["image"] == "here:1"
        assert container["command"] == ["python", "-m", "pipeline.kubeflow.step"]
    assert tasks["Trainer"]["depends"] == "Trainer-driver.Succeeded"
    assert "Transform.Succeeded" in tasks["Trainer-driver"]["depends"].split(" && ")


def test_a_run_has_the_parameters_with_their_defaults(workflow: Workflow) -> None:
    root = workflow.tasks("entrypoint")["root-driver"]
    assert json.loads(workflow.parameters(root)["runtime-config"])["parameterValues"] == {
        "config_overrides": "", "log_folder": "", "push_destination": "", "run_date": "",
        "train_steps": 0,
    }  # fmt: skip


def test_settings_of_a_step_reach_its_driver(backend: Backend, tmp_path: Path) -> None:
    settings = "kubeflow.steps={Trainer: {cpu: '8', memory: 16Gi, volumes: {/data: claim}}}"
    workflow = Workflow(backend, tmp_path, settings)
    given = workflow.parameters(workflow.tasks("root")["Trainer-driver"])
    (mount,) = json.loads(given["kubernetes-config"])["pvcMount"]
    assert (mount["mountPath"], mount["constant"]) == ("/data", "claim")
    resources = json.loads(given["container"])["resources"]
    assert resources["resourceCpuLimit"] == "8" and resources["resourceMemoryLimit"] == "16Gi"


def test_drivers_read_all_that_they_are_given(backend: Backend, workflow: Workflow) -> None:
    seen = set()
    for name, arguments in workflow.drivers():
        done = backend("driver", *arguments)
        assert CLUSTER in done.stderr.splitlines()[-1], done.stderr[-2000:]
        seen.add(name)
    assert seen == {"root-driver"} | {f"{task}-driver" for task in TASKS}
