"""`everlong dataset`: a published log as a TensorFlow dataset, for `log.source: tfds:NAME`."""

from __future__ import annotations

import argparse
from pathlib import Path

from components.errors import InputError
from pipeline.terminal.exit_codes import DONE

SUMMARY = "prepare a published log as a TensorFlow dataset"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="such as taobao_user_behavior")
    parser.add_argument(
        "--manual-dir",
        type=Path,
        required=True,
        metavar="DIR",
        help="the downloaded files; a wrong DIR tells what to download",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="where the dataset goes (default: that of TFDS, ~/tensorflow_datasets)",
    )


def execute(arguments: argparse.Namespace) -> int:
    import tensorflow_datasets as tfds

    from components.behavior_example_gen.sources import datasets

    if arguments.name not in datasets.NAMES:
        raise InputError(
            f"{arguments.name!r} is no dataset of Everlong; there are {', '.join(datasets.NAMES)}. "
            f"For a log of your own: components.behavior_example_gen.sources.datasets.EventLog."
        )
    # Absent arguments leave the choice to TFDS.
    places = {"data_dir": str(arguments.data_dir)} if arguments.data_dir else {}
    builder = tfds.builder(arguments.name, **places)
    if not arguments.manual_dir.is_dir() or not any(arguments.manual_dir.iterdir()):
        raise InputError(
            f"--manual-dir {arguments.manual_dir}: no such folder, or nothing in it. "
            f"{builder.MANUAL_DOWNLOAD_INSTRUCTIONS}"
        )
    manual = tfds.download.DownloadConfig(manual_dir=str(arguments.manual_dir))
    builder.download_and_prepare(download_config=manual)
    print(f"written to {builder.data_dir}")
    print(f"use it with --set log.files=null --set log.source=tfds:{builder.name}")
    return DONE
