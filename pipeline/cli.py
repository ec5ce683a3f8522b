"""The command `everlong`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from components.errors import InputError
from pipeline import __version__, commands
from pipeline.exits import BAD_INPUT, DONE, INTERRUPTED

_EXAMPLES = """\
examples:
  everlong run --config demo                          simulate, train, evaluate, push (3 minutes)
  everlong run --config my.yaml --set model.name=mirrn
  everlong config --explain                           every key, its meaning and default
  everlong simulate --config demo --out log.parquet   the demo's behaviour log as a file
  everlong compile --config my.yaml --engine kubeflow --out pipeline.yaml

exit codes: 0 done (run: a model was pushed), 3 not blessed, 2 bad input, 1 anything else
"""


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    parsed = _parser().parse_args(arguments)
    try:
        return parsed.command(parsed)
    except InputError as error:
        print(f"everlong: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print(
            "\neverlong: interrupted; the same command goes on where this one was", file=sys.stderr
        )
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe, such as `head`, has seen enough.
        sys.stderr.close()
        return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="everlong",
        description="Trains, judges and ships click-through-rate models that read whole histories.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"everlong {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)

    run = _command(subparsers, "run", commands.run, "run the whole pipeline on this machine")
    _config_arguments(run)
    run.add_argument(
        "--output-dir",
        type=Path,
        metavar="DIR",
        help="folder of artifacts, metadata, report and log; a second run in it reuses what did "
        "not change (default: runs/NAME)",
    )
    run.add_argument(
        "--from-node",
        metavar="NODE",
        help="run NODE (such as Trainer) and all after it again, on the latest results before it",
    )

    config = _command(
        subparsers, "config", commands.config, "check a configuration, or explain every key"
    )
    _config_arguments(config, required=False)
    config.add_argument("--explain", action="store_true", help="print every key with its meaning")

    simulate = _command(
        subparsers, "simulate", commands.simulate, "write a simulated behaviour log"
    )
    _config_arguments(simulate)
    simulate.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="FILE.parquet, FILE.csv or FILE.csv.gz",
    )

    compile_ = _command(
        subparsers, "compile", commands.compile_, "compile the pipeline for an orchestrator"
    )
    _config_arguments(compile_)
    compile_.add_argument("--engine", required=True, choices=["kubeflow"], help="who will run it")
    compile_.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="FILE.yaml to write"
    )
    return parser


def _command(subparsers, name, function, summary):
    parser = subparsers.add_parser(name, help=summary, description=summary.capitalize() + ".")
    parser.set_defaults(command=function)
    return parser


def _config_arguments(parser: argparse.ArgumentParser, required: bool = True) -> None:
    parser.add_argument(
        "--config",
        required=required,
        metavar="FILE",
        help="YAML file, or the name of a shipped configuration such as demo or movielens_1m",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override one key, such as training.epochs=2; may be repeated",
    )
