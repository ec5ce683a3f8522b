"""Where a run pushes, tried before it starts: hours of training must not end at a wrong path."""

from __future__ import annotations

from pathlib import Path

from components.pusher import versions
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
    if versions.is_remote(destination):
        # Importing TFX's file systems takes long; only this way needs them.
        from components.pusher import objects

        objects.try_destination(destination, key)
    else:
        versions.try_folder(Path(destination), key)
