"""How far an ingest in this process has come; workers elsewhere report to their own runner."""

from __future__ import annotations

import collections
import threading

_lock = threading.Lock()
_done: collections.Counter[str] = collections.Counter()


def add(**numbers: float) -> None:
    """Adds to what was done: `files` and how many of them were `checked`, `rows` read, `users` cut,
    `examples` written, and seconds of work."""
    with _lock:
        _done.update(numbers)


def so_far() -> dict[str, float]:
    """Returns what was done in this process."""
    with _lock:
        return dict(_done)
