"""Arguments that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_config(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """Adds `--config FILE` and `--set KEY=VALUE`, as `pipeline.config.load` takes them."""
    parser.add_argument(
        "--config",
        required=required,
        metavar="FILE",
        help="YAML file, or the name of a shipped configuration such as demo or movielens_1m",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override one key, such as training.epochs=2; may be repeated",
    )


def add_model(parser: argparse.ArgumentParser, what: str) -> None:
    """Adds `--model DIR`, which must be given; `what` the folder may be, for the help."""
    parser.add_argument("--model", type=_local, required=True, metavar="DIR", help=what)


def add_parameters(parser: argparse.ArgumentParser, whose: str) -> None:
    """Adds `--parameter KEY=VALUE`, as `pipeline.kubeflow.parameters.from_words` takes them."""
    parser.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="parameters",
        help=f"a parameter {whose}, such as run_date=2026-08-31; may be repeated",
    )


def _local(text: str) -> Path:
    if "://" in text:  # a `Path` would make gs:/x of gs://x
        raise argparse.ArgumentTypeError(
            f"must be a folder of a local or mounted file system; copy it here. Received: {text!r}"
        )
    return Path(text)
