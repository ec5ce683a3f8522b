"""The terminal belongs to the reader: noise goes to a log file, progress stays visible."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

HEARTBEAT_SECONDS = 30.0


class Terminal:
    """Writes lines, and one live line while something runs.

    Args:
      stream: where to write. A terminal gets a live line that counts seconds; anything else gets
        a line every 30 seconds, so that a CI log shows life without filling up.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._lock = threading.Lock()

    def line(self, text: str = "") -> None:
        """Writes one line above the live one."""
        with self._lock:
            if self._live:
                self._stream.write("\r\x1b[K")
            self._stream.write(text + "\n")
            self._stream.flush()

    @contextlib.contextmanager
    def running(self, text: str | Callable[[], str]) -> Iterator[None]:
        """Shows that `text`, which may change, is going on, with the seconds since it began."""
        done = threading.Event()
        beat = threading.Thread(target=self._beat, args=(text, done), daemon=True)
        beat.start()
        try:
            yield
        finally:
            done.set()
            beat.join()

    def _beat(self, text: str | Callable[[], str], done: threading.Event) -> None:
        start = time.monotonic()
        while not done.wait(1.0 if self._live else HEARTBEAT_SECONDS):
            seconds = time.monotonic() - start
            now = text() if callable(text) else text
            if self._live:
                with self._lock:
                    self._stream.write(f"\r\x1b[K{now} … {seconds:.0f} s")
                    self._stream.flush()
            else:
                self.line(f"{now} … {seconds:.0f} s so far")
        if self._live:
            with self._lock:
                self._stream.write("\r\x1b[K")
                self._stream.flush()


class _ToTerminal(logging.Handler):
    def __init__(self, terminal: Terminal) -> None:
        super().__init__(logging.INFO)
        self._terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        self._terminal.line(f"      {record.getMessage()}")


@contextlib.contextmanager
def quiet(log: Path) -> Iterator[Terminal]:
    """Sends everything that this process prints to `log`; yields the real terminal.

    TensorFlow, XLA and Beam write to the file descriptors from C++, so the descriptors themselves
    are redirected. The logger `everlong` reaches both the terminal and the file.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    terminal = Terminal(os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace"))
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    handlers = [_ToTerminal(terminal), logging.StreamHandler(sys.stderr)]
    handlers[1].setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s"))
    logger = logging.getLogger("everlong")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        os.close(descriptor)
        for handler in handlers:
            logger.addHandler(handler)
        yield terminal
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
        sys.stdout.flush()
        sys.stderr.flush()
        for kept, target in zip(saved, (1, 2), strict=True):
            os.dup2(kept, target)
            os.close(kept)
