"""Runs the pipeline on this machine: LocalDagRunner, SQLite ML Metadata, one output folder."""

from __future__ import annotations

import difflib
import logging
import time
from pathlib import Path
from typing import Any

import absl.logging
from tfx import v1 as tfx
from tfx.orchestration.pipeline import RunOptions

from components.behavior_example_gen.check import fingerprint
from pipeline.config import Config
from pipeline.destination import serving_folder
from pipeline.errors import ConfigError
from pipeline.pipeline import Places, create_pipeline
from pipeline.run.progress import Progress
from pipeline.run.summary import Timing, summarize
from pipeline.run_folder.lineage import Outputs, artifacts
from pipeline.terminal.console import Terminal


class ComponentFailed(RuntimeError):
    """A component of the pipeline raised; `__cause__` is its exception."""

    def __init__(self, node: str) -> None:
        super().__init__(node)
        self.node = node


def places(config: Config, output: Path) -> Places:
    """The folders of a local run below its output folder."""
    return Places(
        root=str(output / "artifacts"),
        checkpoints=str(output / "checkpoints"),
        serving=serving_folder(config, output),
        metadata=str(output / "metadata.sqlite"),
    )


def run(
    config: Config, output: Path, terminal: Terminal, from_node: str | None = None
) -> dict[str, Any]:
    """Runs the pipeline and returns its summary, also written to `output/summary.json`.

    Args:
      config: what to run.
      output: absolute folder of the run; a second run in it reuses what did not change.
      terminal: where progress goes.
      from_node: run this node and all after it again, on the latest results of those before.

    Raises:
      ConfigError: if there is no node of that name, or nothing to start from.
      ComponentFailed: if a component raised.
    """
    start = time.monotonic()
    output.mkdir(parents=True, exist_ok=True)
    pipeline = create_pipeline(
        config, places(config, output), fingerprint(config.ingest), cache=from_node is None
    )
    nodes = [component.id for component in pipeline.components]
    options = None
    if from_node is not None:
        _check_node(from_node, nodes)
        if not (output / "metadata.sqlite").exists():
            raise ConfigError(
                f"--from-node {from_node}: {output} holds no earlier run to start from; "
                "run once without --from-node"
            )
        options = RunOptions(from_nodes=[from_node])
    progress = execute(pipeline, terminal, options)
    timing = Timing(progress.seconds, progress.cached, round(time.monotonic() - start, 1))
    return summarize(config, output, timing)


def run_to_transform(config: Config, output: Path, terminal: Terminal) -> Outputs:
    """Runs the pipeline up to Transform, and returns what its nodes left.

    Args:
      config: of which `log`, `label`, `history` and `split` count.
      output: folder of the run; a second run in it reuses what did not change.
      terminal: where progress goes.

    Raises:
      ComponentFailed: if a component raised.
    """
    output.mkdir(parents=True, exist_ok=True)
    where = places(config, output)
    pipeline = create_pipeline(config, where, fingerprint(config.ingest))
    execute(pipeline, terminal, RunOptions(to_nodes=["Transform"]))
    return artifacts(Path(where.metadata))


def execute(
    pipeline: tfx.dsl.Pipeline, terminal: Terminal, options: RunOptions | None = None
) -> Progress:
    """Runs a pipeline, or the part of it that `options` name, and returns how it went.

    Raises:
      ComponentFailed: if a component raised.
    """
    progress = Progress(terminal, [component.id for component in pipeline.components])
    # Not the logger's own level: steps of TFX set absl's verbosity and put it back.
    absl.logging.set_verbosity(absl.logging.INFO)
    logger = logging.getLogger("absl")
    logger.addHandler(progress)
    try:
        tfx.orchestration.LocalDagRunner().run(pipeline, run_options=options)
    except Exception as error:
        raise ComponentFailed(progress.current or "the pipeline") from error
    finally:
        progress.end(failed=progress.current is not None)
        logger.removeHandler(progress)
    return progress


def _check_node(node: str, nodes: list[str]) -> None:
    if node not in nodes:
        near = difflib.get_close_matches(node, nodes, 1)
        hint = f"; the nearest is {near[0]}" if near else ""
        raise ConfigError(f"--from-node {node!r}: no such node{hint}; nodes: {', '.join(nodes)}")
