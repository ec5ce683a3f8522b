"""`everlong run`: the whole pipeline on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline import __version__
from pipeline.arguments import add_config
from pipeline.beam_arguments import check_beam_arguments
from pipeline.config import load
from pipeline.destination import check_destination
from pipeline.output_folder import check_folder, locked
from pipeline.run_folder.check import METADATA, check_metadata
from pipeline.terminal.console import quiet
from pipeline.terminal.exit_codes import DONE, NOT_BLESSED
from pipeline.terminal.log_check import check_log

SUMMARY = "run the whole pipeline on this machine"


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


def execute(arguments: argparse.Namespace) -> int:
    config = load(arguments.config, arguments.overrides)
    output = check_folder("--output-dir", arguments.output_dir or Path("runs") / config.name)
    check_metadata(output / METADATA)
    check_beam_arguments(config.beam.args)
    check_log(config.ingest)
    check_destination(config, output)
    log = output / "log.txt"
    with locked("--output-dir", output), quiet(log) as terminal:
        terminal.line(f"everlong {__version__}: {config.name}, configuration {config.hash}")
        terminal.line(f"output {output}, log {log}")
        with terminal.running("loading TensorFlow and TFX"):
            from pipeline import failures, local_runner
            from pipeline.run.summary import render
        try:
            summary = local_runner.run(config, output, terminal, arguments.from_node)
        except local_runner.ComponentFailed as error:
            return failures.explain(error, log, terminal)
        terminal.line(render(summary))
    return DONE if summary["blessed"] else NOT_BLESSED
