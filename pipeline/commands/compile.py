"""`everlong compile`: the pipeline in an orchestrator's own format."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from pipeline.arguments import add_config
from pipeline.config import load
from pipeline.output_folder import check_folder
from pipeline.terminal.console import quiet
from pipeline.terminal.exit_codes import DONE
from pipeline.terminal.log_check import check_log

SUMMARY = "compile the pipeline for an orchestrator"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("--engine", required=True, choices=["kubeflow"], help="who will run it")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="FILE.yaml to write"
    )


def execute(arguments: argparse.Namespace) -> int:
    loaded = load(arguments.config, arguments.overrides)
    check_folder("--out", arguments.out.parent)
    check_log(loaded.ingest)
    with quiet(Path(os.devnull)) as terminal, terminal.running("loading TensorFlow and TFX"):
        from pipeline.kubeflow_runner import compile_pipeline

        compile_pipeline(loaded, arguments.out)
    print(f"written to {arguments.out}; every step runs image {loaded.kubeflow.image}")
    return DONE
