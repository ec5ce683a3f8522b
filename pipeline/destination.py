"""Where a run pushes to."""

from __future__ import annotations

from pathlib import Path

from components.pusher.destination import try_destination
from pipeline.config import Config


def serving_folder(config: Config, output: Path) -> str:
    """The folder of the pushed versions of a run in `output`."""
    return config.push.destination or str(output / "serving")


def check_destination(config: Config, output: Path) -> None:
    """Refuses a destination that cannot be made or written.

    Raises:
      InputError: naming the key, the place and the reason.
    """
    destination = serving_folder(config, output)
    key = "push.destination" if config.push.destination else "--output-dir"
    try_destination(destination, key)
