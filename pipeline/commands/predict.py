"""`everlong predict`: the score of every target of a split, from an exported model."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from components.behavior_example_gen.config.ingest_config import SPLITS
from components.errors import InputError
from components.page import words
from models.lists import REQUEST
from models.metric_table import METRICS
from pipeline.arguments import add_config, add_model
from pipeline.config import load
from pipeline.result_file import check_output
from pipeline.terminal.console import quiet
from pipeline.terminal.exit_codes import DONE
from pipeline.terminal.log_check import check_log

SUMMARY = "score every target of a split with an exported model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser, "an exported SavedModel, or the folder of a run: its latest model")
    add_config(parser)
    parser.add_argument(
        "--split", default="eval", metavar="SPLIT", help=f"{', '.join(SPLITS)} (default: eval)"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="FILE.parquet to write"
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        metavar="DIR",
        help="folder of a run whose examples are read if they were made by this configuration "
        "(default: the run that the model is in, then runs/NAME); else the log is ingested anew",
    )


def execute(arguments: argparse.Namespace) -> int:
    split, out = arguments.split, arguments.out.resolve()
    if split not in SPLITS:
        raise InputError(f"--split {split!r}: no such split; there are {', '.join(SPLITS)}")
    check_output("--out", arguments.out, ".parquet")
    config = load(arguments.config, arguments.overrides)
    with quiet(Path(os.devnull)) as terminal:
        with terminal.running("loading ML Metadata"):
            from pipeline.predict.find_model import model_folder

            folder = model_folder(arguments.model)
        check_log(config.ingest.model_copy(update={"scored": "labelled"}))
        with terminal.running("loading TensorFlow"):
            from pipeline.predict import find_examples
            from pipeline.predict.score import predict

            model = find_examples.load(folder, config)
        terminal.line(f"model {folder}")
        runs = [folder, *folder.resolve().parents, Path("runs") / config.name]
        if arguments.output_dir is not None:
            runs = [arguments.output_dir]
        with tempfile.TemporaryDirectory(prefix=".everlong-predict-", dir=out.parent) as aside:
            examples = find_examples.existing(config.ingest, runs)
            if examples is not None:
                terminal.line(f"examples {examples}, of an earlier run of this configuration")
            else:
                examples = Path(aside)
                terminal.line("examples of this configuration are in no run: ingesting the log")
                with terminal.running("ingesting"):
                    find_examples.make(config.ingest, split, examples, config.beam.args)
            counts = json.loads((examples / "counts.json").read_text())["splits"][split]
            files = sorted(map(str, (examples / f"Split-{split}").glob("*.gz")))
            if not files:
                raise InputError(
                    f"--split {split}: it has no example: no row of it sees "
                    f"`history.min_length` ({config.history.min_length}) behaviours, or it has no "
                    f"row; enlarge `split.{split}`"
                )
            start = time.monotonic()
            with terminal.running("scoring"):
                found = predict(model, files, counts["targets"], out, terminal)
        seconds = time.monotonic() - start
        terminal.line(
            f"{counts['targets']:,} targets of {counts['users']:,} users in {seconds:.1f} s: "
            f"{measured(found, config.drawn_negatives)}"
        )
        terminal.line(f"written to {arguments.out}")
    return DONE


def measured(found: Mapping[str, float], drawn: int) -> str:
    """What is told of the metrics of `predict`.

    Args:
      found: by name; none if no row has a label.
      drawn: negatives for each positive, of whose mixture calibration and LogLoss would speak.
    """
    shown = ", ".join(
        f"{metric.labelled(REQUEST)} {words.decimals(found[name])}"
        for name, metric in METRICS.items()
        if metric.main and name in found and not (metric.of_rate and drawn)
    )
    if not shown:
        return "no row has a label, so there is nothing to measure"
    return (
        f"{shown}, among negatives that were drawn, {drawn} for each positive" if drawn else shown
    )
