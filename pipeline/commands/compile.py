"""`everlong compile`: the pipeline in an orchestrator's own format."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from pipeline.arguments import add_config
from pipeline.config import load
from pipeline.errors import ConfigError
from pipeline.kubeflow.name import home
from pipeline.result_file import check_output
from pipeline.terminal.console import quiet
from pipeline.terminal.exit_codes import DONE

SUMMARY = "compile the pipeline for an orchestrator"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("--engine", required=True, choices=["kubeflow"], help="who will run it")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="FILE.yaml to write"
    )


def execute(arguments: argparse.Namespace) -> int:
    loaded = load(arguments.config, arguments.overrides)
    at = home(loaded)
    if arguments.out.suffix not in (".yaml", ".yml"):
        raise ConfigError(f"--out {str(arguments.out)!r}: must end in .yaml")
    check_output("--out", arguments.out)
    with quiet(Path(os.devnull)) as terminal, terminal.running("loading TensorFlow and TFX"):
        from pipeline.kubeflow.compile import compile_pipeline

        compile_pipeline(loaded, arguments.out)
    print(f"written to {arguments.out}; every step runs image {loaded.kubeflow.image}")
    print(f"what lasts from run to run is in {at}")
    return DONE
