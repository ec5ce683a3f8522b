"""`everlong run`: the whole pipeline on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pipeline import __version__
from pipeline.arguments import add_config, add_parameters
from pipeline.beam_arguments import check_beam_arguments
from pipeline.config import Config, load
from pipeline.destination import check_destination
from pipeline.errors import ConfigError
from pipeline.kubeflow.name import pipeline_name
from pipeline.kubeflow.parameters import check, from_words
from pipeline.output_folder import check_folder, locked
from pipeline.run_folder.check import METADATA, check_metadata
from pipeline.terminal.console import Terminal, quiet
from pipeline.terminal.exit_codes import DONE, FAILED, NOT_BLESSED
from pipeline.terminal.log_check import check_log

SUMMARY = "run the whole pipeline on this machine"
LOCAL, KUBEFLOW = "local", "kubeflow-local"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument(
        "--output-dir",
        type=Path,
        metavar="DIR",
        help="folder of artifacts, metadata, report and log; a second run in it reuses what did "
        "not change (default: runs/NAME)",
    )
    parser.add_argument(
        "--from-node",
        metavar="NODE",
        help="run NODE (such as Trainer) and all after it again, on the latest results before it",
    )
    parser.add_argument(
        "--engine",
        choices=[LOCAL, KUBEFLOW],
        default=LOCAL,
        help="who runs it; kubeflow-local: what is compiled for Kubeflow, step by step",
    )
    add_parameters(parser, "of kubeflow-local")


def execute(arguments: argparse.Namespace) -> int:
    config = load(arguments.config, arguments.overrides)
    on_kubeflow = arguments.engine == KUBEFLOW
    parameters = from_words(arguments.parameters)
    if on_kubeflow:
        pipeline_name(config)
        check(config, parameters)
    for flag, given, allowed in (
        ("--from-node", arguments.from_node is not None, not on_kubeflow),
        ("--parameter", bool(parameters), on_kubeflow),
    ):
        if given and not allowed:
            raise ConfigError(f"{flag}: is none of --engine {arguments.engine}; leave it out")
    output = check_folder("--output-dir", arguments.output_dir or Path("runs") / config.name)
    check_metadata(output / METADATA)
    check_beam_arguments(config.beam.args)
    if not on_kubeflow:  # there, its first step does, with the run's parameters
        check_log(config.ingest)
    check_destination(config, output)
    log = output / "log.txt"
    with locked("--output-dir", output), quiet(log) as terminal:
        terminal.line(f"everlong {__version__}: {config.name}, configuration {config.hash}")
        terminal.line(f"output {output}, log {log}")
        if on_kubeflow:
            return _on_kubeflow(config, output, terminal, parameters)
        with terminal.running("loading TensorFlow and TFX"):
            from pipeline import failures, local_runner
            from pipeline.run.summary import render
        try:
            summary = local_runner.run(config, output, terminal, arguments.from_node)
        except local_runner.ComponentFailed as error:
            return failures.explain(error, log, terminal)
        terminal.line(render(summary))
    return DONE if summary["blessed"] else NOT_BLESSED


def _on_kubeflow(
    config: Config, output: Path, terminal: Terminal, parameters: dict[str, Any]
) -> int:
    with terminal.running("loading TensorFlow and TFX"):
        from pipeline.kubeflow import local
        from pipeline.kubeflow.engine import StepFailed
        from pipeline.run.summary import render
    try:
        summary = local.run(config, output, terminal, parameters)
    except StepFailed as error:
        terminal.line(f"everlong: {error}; what finished before it is kept")
        return FAILED
    terminal.line(render(summary))
    return DONE if summary["blessed"] else NOT_BLESSED
