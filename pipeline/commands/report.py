"""`everlong report`: the page of a run, written anew."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from pipeline.result_file import check_output
from pipeline.terminal.console import quiet
from pipeline.terminal.exit_codes import DONE

SUMMARY = "write the report of a run: one page that opens anywhere"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="the --output-dir of a run")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="FILE.html to write; its numbers go to FILE.json (default: DIR/report.html)",
    )


def execute(arguments: argparse.Namespace) -> int:
    out = (arguments.out or arguments.folder / "report.html").resolve()
    if arguments.out or arguments.folder.is_dir():
        check_output("--out", arguments.out or out, ".html")
    with quiet(Path(os.devnull)) as terminal:
        with terminal.running("loading ML Metadata"):
            from pipeline.run_folder.folder import RunFolder, executions

            run = RunFolder.open(arguments.folder)
            run.output("EvaluationReport", "report")
        with terminal.running("loading TensorFlow and TFX"):
            from components.evaluation_report.collect import collect
            from components.evaluation_report.numbers import numbers_text
            from components.evaluation_report.page import page
            from pipeline.result_file import write_atomically
            from pipeline.run_folder.damage import unchanged
            from pipeline.run_folder.report_inputs import report_inputs
        with terminal.running("reading the run"):
            execution = executions(run.path, "EvaluationReport")[0]
            config, code = (execution.parameters[name] for name in ("config", "code"))
            numbers = out.with_suffix(".json")
            with unchanged(execution.inputs.values()):
                findings = collect(report_inputs(execution), json.loads(config), run.name, code)
                texts = {numbers: numbers_text(findings), out: page(findings, str(numbers))}
            for path, text in texts.items():
                write_atomically(path, text)
        terminal.line(findings.gate["sentence"])
        terminal.line(f"written to {out} ({out.stat().st_size / 1e6:.1f} MB) and {numbers}")
    return DONE
