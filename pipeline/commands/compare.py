"""`everlong compare`: which of two runs is better, where, and whether that can be told."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from pipeline.result_file import check_output
from pipeline.terminal.console import quiet
from pipeline.terminal.exit_codes import DONE

SUMMARY = "compare two runs on the same targets, with paired intervals"
_SHOWN = 5  # differences between what examples were made from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("a", type=Path, metavar="RUN_A", help="the --output-dir of a run")
    parser.add_argument("b", type=Path, metavar="RUN_B", help="of the one to compare with it")
    parser.add_argument(
        "--label",
        metavar="NAME",
        help="one of `labels`, over the targets where it is known (default: the primary one)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers to FILE")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page to FILE")


def execute(arguments: argparse.Namespace) -> int:
    for name in ("json", "html"):
        check_output(f"--{name}", getattr(arguments, name))
    with quiet(Path(os.devnull)) as terminal:
        with terminal.running("loading ML Metadata"):
            from pipeline.run_folder.folder import RunFolder

            a, b = RunFolder.open(arguments.a), RunFolder.open(arguments.b)
            evaluations = [run.output("Evaluator", "evaluation") for run in (a, b)]
        with terminal.running("loading TensorFlow and TFX"):
            from pipeline.compare.compare import compare, sentence, to_json
            from pipeline.compare.page import page, text
            from pipeline.compare.targets import matched
            from pipeline.result_file import write_atomically
            from pipeline.run_folder.damage import unchanged
        names = (a.path.name, b.path.name)
        if names[0] == names[1]:
            names = (str(arguments.a), str(arguments.b))
        with terminal.running("matching targets"), unchanged(evaluations):
            found = matched(a, b, arguments.label)
        with terminal.running("computing intervals"):
            rows = compare(found)
        told = (
            f"{found.table.num_rows:,} targets matched, of {found.targets[0]:,} in {names[0]} and "
            f"{found.targets[1]:,} in {names[1]}; {rows[0].users:,} users"
        )
        terminal.line(sentence(rows[0], names))
        if arguments.label:
            told += f"; label {arguments.label}"
        if found.drawn:
            told += f"; negatives were drawn, {found.drawn} for each positive"
        if found.differences:
            further = len(found.differences) - _SHOWN
            told += f"; examples were made otherwise: {', '.join(found.differences[:_SHOWN])}"
            told += f" and {further} more" if further > 0 else ""
        terminal.line(f"{told}\n")
        terminal.line(text(rows, names, found))
        if arguments.json is not None:
            content = {"runs": {"a": str(a.path), "b": str(b.path)}, "label": arguments.label}
            content |= to_json(rows, found)
            write_atomically(arguments.json, json.dumps(content, indent=2, allow_nan=False) + "\n")
            terminal.line(f"numbers written to {arguments.json}")
        if arguments.html is not None:
            write_atomically(arguments.html, page(rows, names, found, told))
            terminal.line(f"page written to {arguments.html}")
    return DONE
