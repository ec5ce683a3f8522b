"""The command `everlong`."""

from __future__ import annotations

import argparse
import difflib
import importlib
import signal
import sys
import tempfile
import threading
import traceback
from typing import Any, NoReturn

from components.errors import InputError
from components.secrets import masked
from pipeline import __version__
from pipeline.commands import COMMANDS
from pipeline.terminal.exit_codes import BAD_INPUT, DONE, FAILED, INTERRUPTED

_EXAMPLES = """\
examples:
  everlong run --config demo                          simulate, train, evaluate, push (2 minutes)
  everlong run --config my.yaml --set model.name=mirrn
  everlong config --explain                           every key, its meaning and default
  everlong ingest --config my.yaml                    from the log to examples, alone
  everlong predict --model runs/demo --config demo --split eval --out scores.parquet
  everlong serve --model runs/demo/serving            REST and gRPC, as TensorFlow Serving
  everlong compare runs/a runs/b                      which is better, where, and can it be told
  everlong report runs/demo --out report.html
  everlong ablate --config movielens_1m_1500 --study models --seeds 3
  everlong bench train --config movielens_1m --model twin --length 200
  everlong simulate --config demo --out log.parquet   the demo's behaviour log as a file
  everlong doctor --config my.yaml                    what is missing here, and how to mend it
  everlong compile --config my.yaml --engine kubeflow --out pipeline.yaml
  everlong submit --config my.yaml --endpoint http://localhost:8080 --schedule '0 0 4 * * *'

exit codes: 0 done (run: a model was pushed), 3 not blessed, 2 bad input, 130 interrupted (Ctrl-C or
SIGTERM), 1 anything else
"""


# Commands that find what they had done; the others begin anew.
_RESUMED = ("run", "ablate")


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    parsed = _parser().parse_args(arguments)
    if threading.current_thread() is threading.main_thread():
        # Schedulers stop by SIGTERM, which by itself would leave workers behind.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return parsed.execute(parsed)
    except InputError as error:
        print(masked(f"everlong: {error}"), file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        again = "goes on where this one was" if parsed.resumed else "begins anew"
        print(f"\neverlong: interrupted; the same command {again}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe, such as `head`, has seen enough.
        sys.stderr.close()
        return DONE
    except Exception as error:
        print(masked(f"everlong: {parsed.command} failed: {_told(error)}"), file=sys.stderr)
        return FAILED


def _told(error: Exception) -> str:
    """An error that nobody foresaw, in a sentence; its traceback goes to a file."""
    if isinstance(error, OSError) and error.strerror:
        told = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    else:
        told = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:500]}"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="everlong-", suffix=".txt", delete=False, errors="replace"
        ) as file:
            file.write(masked(traceback.format_exc()))
    except OSError:
        return told  # such as a full disk, which is told
    return f"{told}; the whole story is in {file.name}"


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with a command line in one sentence, and takes no abbreviations."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuses what is not known here: argparse would leave that to the parser of all commands.

        A flag is refused before argparse can miss the one that it is a misspelling of.
        """
        words = list(sys.argv[1:] if args is None else args)
        commands = self._subparsers is not None  # whose flags are not ours
        for word in words:
            if word == "--" or (commands and not word.startswith("-")):
                break
            if word.startswith("--"):
                self._check_flag(word.partition("=")[0])
        parsed, unknown = super().parse_known_args(words, namespace)
        if unknown:
            self.error(f"unknown argument {unknown[0]!r}")
        return parsed, unknown

    def _check_flag(self, flag: str) -> None:
        known = [name for name in self._option_string_actions if name.startswith("--")]
        if flag not in known:
            near = difflib.get_close_matches(flag, known, 1, cutoff=0.0)
            self.error(f"unknown flag {flag}; the nearest is {near[0]}")

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"everlong: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="everlong",
        description="Trains, judges and ships click-through-rate models that read whole histories.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"everlong {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = importlib.import_module(f"pipeline.commands.{name}")
        summary = module.SUMMARY
        command = subparsers.add_parser(
            name, help=summary, description=f"{summary[0].upper()}{summary[1:]}."
        )
        module.add_arguments(command)
        command.set_defaults(execute=module.execute, command=name, resumed=name in _RESUMED)
    return parser
