"""`everlong items`: rows of items made anew, and of items that training did not know."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from components.errors import InputError
from pipeline.arguments import add_model
from pipeline.serve.folder import check_model
from pipeline.serve.versions import SAVED_MODEL, children
from pipeline.terminal.console import quiet
from pipeline.terminal.exit_codes import DONE

SUMMARY = "push a model with rows of further items, or of items whose features changed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser, "a folder of versions: the newest is taken, and the next one is pushed to it")
    parser.add_argument(
        "--items",
        required=True,
        metavar="FILE",
        help="CSV, JSON lines or Parquet with a row for each item: the column `item`, and one for "
        "each feature of items, by its name in the configuration",
    )


def execute(arguments: argparse.Namespace) -> int:
    folder = arguments.model
    check_model(folder, wait=False)
    if (folder / SAVED_MODEL).is_file():
        raise InputError(f"--model {folder}: is one version; give the folder that it is in")
    if not Path(arguments.items).is_file():
        raise InputError(f"--items {arguments.items}: there is no such file")
    with quiet(Path(os.devnull)) as terminal:
        with terminal.running("loading TensorFlow"):
            from components.pusher import versions
            from pipeline.items.refresh import refresh
            from pipeline.serve.server import load

        found = children(folder)
        newest = found[max(found)]

        def verify(path: str) -> None:
            load(Path(path))
            if (now := max(children(folder))) != max(found):
                raise InputError(
                    f"--model {folder}: version {now} was pushed while rows of {newest.name} were "
                    "made, which must not take its place; run the command again"
                )

        with tempfile.TemporaryDirectory(prefix="everlong-items-") as aside:
            made = Path(aside, "model")
            with terminal.running(f"making rows of {arguments.items}"):
                told = refresh(newest, arguments.items, made)
            with terminal.running(f"pushing to {folder}"):
                version, _ = versions.push(str(made), str(folder), verify)
        terminal.line(
            f"version {version} of {folder}: rows of {told.known:,} items of {newest.name} made "
            f"anew, and of {told.new:,} that it did not know"
        )
        if told.repeated:
            terminal.line(
                f"{told.repeated:,} rows have an item that an earlier row has, which counts"
            )
        if told.ignored:
            terminal.line(
                f"no feature of items is made of the columns {', '.join(told.ignored)} of "
                f"{arguments.items}"
            )
        for name, count in told.unknown.items():
            terminal.line(
                f"{name}: {count:,} values that training did not know, read as unknown ones"
            )
    return DONE
