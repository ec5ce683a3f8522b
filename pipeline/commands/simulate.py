"""`everlong simulate`: the simulated log of a configuration as a file."""

from __future__ import annotations

import argparse
from pathlib import Path

from components.errors import InputError
from pipeline.arguments import add_config
from pipeline.config import load
from pipeline.output_folder import check_folder
from pipeline.terminal.exit_codes import DONE

SUMMARY = "write a simulated behaviour log"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="FILE.parquet, FILE.csv or FILE.csv.gz",
    )


def execute(arguments: argparse.Namespace) -> int:
    from components.simulator import describe
    from components.simulator.write import write

    simulator = load(arguments.config, arguments.overrides).log.simulator
    if simulator is None:
        raise InputError(
            f"--config {arguments.config}: has no log.simulator section; `--config demo` has one"
        )
    check_folder("--out", arguments.out.parent)
    table = write(simulator, arguments.out)
    for name, value in describe(table).items():
        print(f"{name:<16} {value:,.4g}" if isinstance(value, float) else f"{name:<16} {value:,}")
    print(f"written to {arguments.out}")
    return DONE
