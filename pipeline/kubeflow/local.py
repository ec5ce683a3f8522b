"""`everlong run --engine kubeflow-local`: the compiled pipeline, executed on this machine."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from components.plain_folder import plain
from pipeline.config import Config
from pipeline.destination import serving_folder
from pipeline.kubeflow.compile import documents
from pipeline.kubeflow.engine import Engine
from pipeline.run.summary import Timing, summarize
from pipeline.run_folder.lineage import Artifact
from pipeline.terminal.console import Terminal


def run(
    config: Config, output: Path, terminal: Terminal, parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """Runs the pipeline and returns its summary, as `pipeline.local_runner.run` does.

    Args:
      config: what to run; artifacts go below the output folder, whatever `kubeflow.pipeline_root`.
      output: absolute folder of the run; a second run in it reuses what did not change.
      terminal: where progress goes.
      parameters: of the run, by name.

    Raises:
      InputError: if the configuration or a parameter cannot be used, or a step refuses its input.
      StepFailed: if a step fails otherwise.
    """
    start = time.monotonic()
    output.mkdir(parents=True, exist_ok=True)
    output = Path(plain(str(output)))
    kubeflow = config.kubeflow.model_copy(update={"pipeline_root": str(output / "artifacts")})
    push = config.push.model_copy(update={"destination": serving_folder(config, output)})
    compiled = documents(config.model_copy(update={"kubeflow": kubeflow, "push": push}))
    text = yaml.safe_dump_all(compiled, sort_keys=True)
    (output / "pipeline.yaml").write_text(text, encoding="utf-8")
    done = Engine(compiled, output, terminal).run(parameters)
    found = {
        task: {
            name: Artifact(artifact["uri"], artifact["metadata"])
            for name, artifact in made["artifacts"].items()
        }
        for task, made in done.made.items()
    }
    timing = Timing(done.seconds, done.cached, round(time.monotonic() - start, 1))
    return summarize(config, output, found, timing)
