"""Runs the pipeline on this machine: LocalDagRunner, SQLite ML Metadata, one output folder."""

from __future__ import annotations

import difflib
import logging
import time
from pathlib import Path
from typing import Any

import absl.logging
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import Pipeline, RunOptions

from components import beam_memo
from components.artifact_content import CONTENT, fault
from components.behavior_example_gen.check import fingerprint
from components.interruption import is_interruption
from components.plain_folder import plain
from components.secrets import resolve
from pipeline.config import Config
from pipeline.destination import serving_folder
from pipeline.errors import ConfigError
from pipeline.pipeline import Places, create_pipeline
from pipeline.run.cache import checked_cache
from pipeline.run.progress import Progress
from pipeline.run.summary import Timing, summarize
from pipeline.run_folder import lineage
from pipeline.run_folder.check import METADATA, check_metadata
from pipeline.run_folder.lineage import Outputs, of_run
from pipeline.run_folder.relocate import ARTIFACTS, relocate
from pipeline.terminal.console import Terminal


class ComponentFailed(RuntimeError):
    """A component of the pipeline raised; `__cause__` is its exception."""

    def __init__(self, node: str) -> None:
        super().__init__(node)
        self.node = node


def places(config: Config, output: Path) -> Places:
    """The folders of a local run below its output folder."""
    return Places(
        root=str(output / ARTIFACTS),
        checkpoints=str(output / "checkpoints"),
        serving=serving_folder(config, output),
        metadata=str(output / METADATA),
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
    output = Path(plain(str(output)))
    pipeline = create_pipeline(
        config, places(config, output), fingerprint(config.ingest), cache=from_node is None
    )
    nodes = [component.id for component in pipeline.components]
    options = None
    if from_node is not None:
        _check_node(from_node, nodes)
        if not (output / METADATA).exists():
            raise ConfigError(
                f"--from-node {from_node}: {output} holds no earlier run to start from; "
                "run once without --from-node"
            )
        _check_inputs(from_node, pipeline, output)
        options = RunOptions(from_nodes=[from_node])
    name, progress = execute(config, pipeline, output, terminal, options)
    timing = Timing(progress.seconds, progress.cached, round(time.monotonic() - start, 1))
    return summarize(config, output, of_run(output / METADATA, name), timing)


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
    output = Path(plain(str(output)))
    pipeline = create_pipeline(config, places(config, output), fingerprint(config.ingest))
    name, _ = execute(config, pipeline, output, terminal, RunOptions(to_nodes=["Transform"]))
    return of_run(output / METADATA, name)


def execute(
    config: Config,
    pipeline: Pipeline,
    output: Path,
    terminal: Terminal,
    options: RunOptions | None = None,
) -> tuple[str, Progress]:
    """Runs a pipeline, or the part of it that `options` name.

    Nobody else may run one in the output folder meanwhile, see `output_folder.locked`.

    Returns:
      The name that TFX gave the run, and how it went.

    Raises:
      ComponentFailed: if a component raised.
      InputError: if the folder's metadata are damaged.
      KeyboardInterrupt: also where Beam raised another error for it.
    """
    check_metadata(output / METADATA)
    resolve(config.beam.args, "beam.args")  # all there, and masked from now on
    progress = Progress(terminal, [component.id for component in pipeline.components])
    # Not the logger's own level: steps of TFX set absl's verbosity and put it back.
    absl.logging.set_verbosity(absl.logging.INFO)
    logger = logging.getLogger("absl")
    logger.addHandler(progress)
    try:
        store = lineage.open_store(output / METADATA)
        relocate(store, output)
        before = lineage.names(store)
        with checked_cache(output):
            beam_memo.install()
            LocalDagRunner().run(pipeline, run_options=options)
    except Exception as error:
        if is_interruption(error):
            raise KeyboardInterrupt from error
        raise ComponentFailed(progress.current or "the pipeline") from error
    finally:
        progress.end(failed=progress.current is not None)
        logger.removeHandler(progress)
    (name,) = lineage.names(store) - before
    return name, progress


def _check_node(node: str, nodes: list[str]) -> None:
    if node not in nodes:
        near = difflib.get_close_matches(node, nodes, 1)
        hint = f"; the nearest is {near[0]}" if near else ""
        raise ConfigError(f"--from-node {node!r}: no such node{hint}; nodes: {', '.join(nodes)}")


def _check_inputs(node: str, pipeline: Pipeline, output: Path) -> None:
    """Refuses to start from a node, if what the nodes before it left is gone or damaged."""
    again, todo = set(), [one for one in pipeline.components if one.id == node]
    while todo:
        one = todo.pop()
        again.add(one.id)
        todo += [after for after in one.downstream_nodes if after.id not in again]
    store = lineage.open_store(output / METADATA)
    relocate(store, output)
    for latest in lineage.runs(store)[:1]:
        for name, made in lineage.outputs(store, latest, output).items():
            for artifact in made.values() if name not in again else ():
                if problem := fault(artifact.uri, artifact.properties.get(CONTENT)):
                    raise ConfigError(
                        f"--from-node {node}: of {name}, {problem}; without --from-node it is made "
                        "again"
                    )
