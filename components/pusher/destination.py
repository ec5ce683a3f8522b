"""A destination is tried before a run: hours of training must not end at a wrong path."""

from __future__ import annotations

from components.errors import InputError
from components.full_disk import is_full_disk
from components.pusher import versions


def try_destination(destination: str, key: str) -> None:
    """Writes there as a push does, and leaves nothing.

    Args:
      destination: as for `versions.push` or `objects.push`.
      key: what to change if it cannot be used.

    Raises:
      InputError: naming `key`, if a version could not be pushed there.
      OSError: naming the destination, if its disk is full: no fault of the path.
    """
    try_writing = versions.try_writing
    if versions.is_remote(destination):
        # Importing TFX's file systems takes long; only this way needs them.
        from components.pusher import objects

        try_writing = objects.try_writing
    try:
        try_writing(destination)
    except Exception as error:  # each file system has errors of its own
        if is_full_disk(error):
            raise
        told = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise InputError(
            f"{key}: models cannot be pushed to {destination}: {told or type(error).__name__}. "
            f"Give a place that can be made and written to"
        ) from None
