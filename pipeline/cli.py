"""The command `everlong`."""

from __future__ import annotations

import argparse
import importlib
import sys

from components.errors import InputError
from pipeline import __version__
from pipeline.commands import COMMANDS
from pipeline.terminal.exit_codes import BAD_INPUT, DONE, INTERRUPTED

_EXAMPLES = """\
examples:
  everlong run --config demo                          simulate, train, evaluate, push (2 minutes)
  everlong run --config my.yaml --set model.name=mirrn
  everlong config --explain                           every key, its meaning and default
  everlong ingest --config my.yaml                    from the log to examples, alone
  everlong predict --model runs/demo --config demo --split eval --out scores.parquet
  everlong compare runs/a runs/b                      which is better, where, and can it be told
  everlong report runs/demo --out report.html
  everlong ablate --config movielens_1m_1500 --study models --seeds 3
  everlong bench train --config movielens_1m --model twin --length 200
  everlong simulate --config demo --out log.parquet   the demo's behaviour log as a file
  everlong compile --config my.yaml --engine kubeflow --out pipeline.yaml

exit codes: 0 done (run: a model was pushed), 3 not blessed, 2 bad input, 1 anything else
"""


# Commands that find what they had done; the others begin anew.
_RESUMED = ("run", "ablate")


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    parsed = _parser().parse_args(arguments)
    try:
        return parsed.execute(parsed)
    except InputError as error:
        print(f"everlong: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        again = "goes on where this one was" if parsed.resumed else "begins anew"
        print(f"\neverlong: interrupted; the same command {again}", file=sys.stderr)
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
    for name in COMMANDS:
        module = importlib.import_module(f"pipeline.commands.{name}")
        command = subparsers.add_parser(
            name, help=module.SUMMARY, description=module.SUMMARY.capitalize() + "."
        )
        module.add_arguments(command)
        command.set_defaults(execute=module.execute, resumed=name in _RESUMED)
    return parser
