"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from components.errors import InputError


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


def check_output(flag: str, path: Path, suffix: str = "") -> None:
    """Refuses a file that cannot be written, before anything long begins.

    Args:
      flag: that the file was given with.
      path: of the file; one that exists is replaced.
      suffix: that its name must have, such as ".html"; empty: any.

    Raises:
      InputError: naming the file.
    """
    folder = path.resolve().parent
    if path.suffix != (suffix or path.suffix) or path.is_dir() or not folder.is_dir():
        raise InputError(f"{flag} {path}: must be FILE{suffix} in a folder that exists")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"{flag} {path}: {folder} cannot be written: {error.strerror}") from None
