"""`everlong bench NAME`: figures of this machine, as a table and as JSON."""

from __future__ import annotations

import argparse
import importlib

from pipeline.output_folder import check_folder, locked

SUMMARY = "measure training, retrieval, models, ingest or serving on this machine"

# Each is a module of `pipeline.bench` with `SUMMARY`, `add_arguments(parser)`, `execute(parsed)`.
BENCHES = ("train", "gsu", "models", "ingest", "gate", "serve")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    benches = parser.add_subparsers(metavar="WHAT", required=True)
    for name in BENCHES:
        module = importlib.import_module(f"pipeline.bench.{name}")
        bench = benches.add_parser(
            name,
            help=module.SUMMARY,
            description=(module.__doc__ or "").partition(": ")[2],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(bench)
        bench.set_defaults(bench=module.execute)


def execute(arguments: argparse.Namespace) -> int:
    if "work_dir" not in arguments:
        return arguments.bench(arguments)
    folder = check_folder("--work-dir", arguments.work_dir)
    with locked("--work-dir", folder):
        return arguments.bench(arguments)
