"""The check of a log before a command starts, with signs of life where it has many files."""

from __future__ import annotations

import sys

from components.behavior_example_gen.config.ingest_config import IngestConfig
from pipeline.terminal.console import Terminal


def check_log(config: IngestConfig) -> None:
    """Refuses a log that cannot be used, as `check.check_log`; on the terminal, how far it is.

    Raises:
      InputError: naming the file, its fault and the way out.
    """
    # Importing Beam takes long, so it waits until the command line was checked.
    from components.behavior_example_gen import check
    from components.behavior_example_gen.beam import progress

    def text() -> str:
        done = progress.so_far()
        if not done.get("files"):
            return "checking the log"
        return f"checking the log: {done.get('checked', 0):,} of {done['files']:,} files"

    with Terminal(sys.stdout).running(text):
        check.check_log(config)
