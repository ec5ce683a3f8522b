"""`everlong ablate`: variants of one configuration, trained on the same examples and compared."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from components.errors import InputError
from pipeline import __version__
from pipeline.ablation.study import shipped
from pipeline.arguments import add_config
from pipeline.config import load
from pipeline.output_folder import check_folder, locked
from pipeline.terminal.console import quiet
from pipeline.terminal.exit_codes import DONE, FAILED
from pipeline.terminal.log_check import check_log

_MOST = 1000  # seeds or workers

SUMMARY = "train the variants of a study and compare them with intervals"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument(
        "--study",
        required=True,
        metavar="FILE",
        help=f"YAML file, or a shipped study: {', '.join(shipped())}",
    )
    parser.add_argument(
        "--seeds", type=int, default=3, metavar="N", help="runs of each variant (default: 3)"
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        metavar="DIR",
        help="folder of data, runs and results, for any number of studies; what is finished in it "
        "is not trained again (default: runs/NAME-studies)",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="runs at a time, which share the cores evenly (default: as many as cores)",
    )


def execute(arguments: argparse.Namespace) -> int:
    from pipeline.ablation.study import LOG, RUNS, load_study, plan

    for name in ("seeds", "workers"):
        value = getattr(arguments, name)
        if not 1 <= value <= _MOST:
            raise InputError(f"--{name} must be from 1 to {_MOST}. Received: {value}")
    study = load_study(arguments.study)
    config = load(arguments.config, arguments.overrides)
    study = study.on(config)
    output = check_folder(
        "--output-dir", arguments.output_dir or Path("runs") / f"{config.name}-studies"
    )
    cases = plan(study, arguments.config, arguments.overrides)
    for ingest in {
        case.config.ingest.model_dump_json(): case.config.ingest for case in cases
    }.values():
        check_log(ingest)
    name = Path(arguments.study).stem
    seeds = range(config.seed, config.seed + arguments.seeds)
    cores = len(os.sched_getaffinity(0))
    threads = max(1, cores // arguments.workers)
    log = output / LOG
    with locked("--output-dir", output), quiet(log) as terminal:
        terminal.line(
            f"everlong {__version__}: study {name} on {config.name}, {len(cases)} variants x "
            f"{len(seeds)} seeds, {arguments.workers} at a time with {threads} threads each"
        )
        terminal.line(f"output {output}, log {log}")
        with terminal.running("loading TensorFlow and TFX"):
            from pipeline import failures, local_runner
            from pipeline.ablation import results
            from pipeline.ablation.conduct import conduct
            from pipeline.ablation.runs import Workers
        workers = Workers(output / RUNS, arguments.workers, threads, terminal)
        try:
            rows = conduct(cases, seeds, output, workers, terminal)
        except local_runner.ComponentFailed as error:
            return failures.explain(error, log, terminal)
        counts = {"workers": arguments.workers, "threads": threads}
        results.write(output / name, name, study, rows, config, counts)
        terminal.line(f"\n{results.text(rows)}\n")
        for sentence in results.findings(rows):
            terminal.line(sentence)
        terminal.line(f"results  {output / name}/results.html, .md, .csv, .json")
    return FAILED if any(row.failures for row in rows) else DONE
