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


def check_output(flag: str, path: Path | None, suffix: str = "") -> None:
    """Refuses a file that cannot be written, before anything long begins.

    Args:
      flag: that the file was given with.
      path: of the file, one that exists is replaced; None: none is wanted.
      suffix: that its name must have, such as ".html"; empty: any.

    Raises:
      InputError: naming the file.
    """
    if path is None:
        return
    folder = path.resolve().parent
    faults = {
        "is a folder; ": path.is_dir(),
        f"there is no folder {folder}; ": not folder.is_dir(),
        "": path.suffix != (suffix or path.suffix),
    }
    for fault, applies in faults.items():
        if applies:
            raise InputError(f"{flag} {path}: {fault}must be FILE{suffix} in a folder that exists")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"{flag} {path}: {folder} cannot be written: {error.strerror}") from None
