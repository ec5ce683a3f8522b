"""`everlong doctor`: can this machine run Everlong, and a configuration of yours?"""

from __future__ import annotations

import argparse
import sys
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from components.errors import InputError
from components.secrets import shown
from pipeline import __version__
from pipeline.arguments import add_config
from pipeline.config import load
from pipeline.doctor.child import examine_apart
from pipeline.doctor.machine import MACHINE
from pipeline.doctor.places import kubeflow, places
from pipeline.doctor.probe import FAILED as FAULTY
from pipeline.doctor.probe import WARNING, Finding, Probe, examine
from pipeline.terminal.console import Terminal
from pipeline.terminal.exit_codes import DONE, FAILED

SUMMARY = "check this machine, a configuration's log and destination, and a cluster"

_NOTES = """\
A line for each thing that is tried: ok, a warning, or failed, with the way out. Libraries are
tried by using them, in a process of their own. Nothing is left but the empty folder of `push`.

  Python, glibc, packages, disk          what Everlong runs on; packages are compared to the lock
  Keras, ML Metadata, TFDV, Beam         the libraries under it
  GPU, XLA                               what a model trains on
  log, push                  --config    the first rows of every file; whether a model can be pushed
  Kubeflow                   --endpoint  whether Kubeflow Pipelines answers

examples:
  everlong doctor
  everlong doctor --config shop.yaml --set push.destination=/mnt/models/shop
  everlong doctor --endpoint http://localhost:8080

exit codes: 0 nothing failed (there may be warnings), 1 something did, 2 bad input
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _NOTES
    add_config(parser, required=False)
    parser.add_argument(
        "--output-dir",
        type=Path,
        metavar="DIR",
        help="of the run to come, which has the pushed models unless push.destination says "
        "otherwise (default: runs/NAME)",
    )
    parser.add_argument(
        "--endpoint", metavar="URL", help="of Kubeflow Pipelines, such as http://localhost:8080"
    )


def execute(arguments: argparse.Namespace) -> int:
    probes = list(_asked_for(arguments))
    terminal = Terminal(sys.stdout)
    terminal.line(f"everlong {__version__}")
    states: Counter[str] = Counter()
    with terminal.running("looking"):
        for finding in _findings(probes):
            terminal.line(str(finding))
            states[finding.state] += 1
    faults, warnings = states[FAULTY], states[WARNING]
    if faults or warnings:
        terminal.line(f"{faults} failed, {warnings} warning{'' if warnings == 1 else 's'}")
    else:
        terminal.line("all is well")
    return FAILED if faults else DONE


def _asked_for(arguments: argparse.Namespace) -> Iterator[Probe]:
    """The probes of what the command line names.

    Raises:
      InputError: naming the flag, its value and the way out.
    """
    if arguments.config:
        config = load(arguments.config, arguments.overrides)
        yield from places(config, arguments.output_dir or Path("runs") / config.name)
    elif arguments.overrides or arguments.output_dir:
        flag = "--set" if arguments.overrides else "--output-dir"
        raise InputError(f"{flag}: is of a configuration; give --config FILE, too")
    if arguments.endpoint is not None:
        parts = urllib.parse.urlsplit(arguments.endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.password:
            raise InputError(
                f"--endpoint {shown(arguments.endpoint)!r}: must be a URL such as "
                "http://localhost:8080"
            )
        yield kubeflow(arguments.endpoint)


def _findings(asked_for: list[Probe]) -> Iterator[Finding]:
    yield from map(examine, MACHINE)
    yield from examine_apart()
    yield from map(examine, asked_for)
