"""What can be said of a log before a pipeline starts: whether it can be read, and which it is."""

from __future__ import annotations

import hashlib
import json

from components.behavior_example_gen.config import IngestConfig
from components.behavior_example_gen.counts import Counts, describe
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.reader import LogReader, list_sources
from components.behavior_example_gen.sources import find_files


def check_log(config: IngestConfig) -> None:
    """Reads the head of every file, and refuses a log that cannot be used.

    Raises:
      LogError: naming the file, its fault and the way out.
    """
    if config.log.simulator is not None:
        return
    reader, heads = LogReader(config), Counts()
    for source in list_sources(config):
        for _, counts in reader.read(source):
            heads += counts
            break
    if not heads.rows:
        raise LogError(f"{describe(config)}: the log is empty: it has no rows.")
    if not heads.rows_kept:
        raise LogError(
            f"{describe(config)}: none of the first {heads.rows:,} rows can be used. Mend the log, "
            f"`log.columns` or `log.where`.\n{heads.table()}"
        )


def fingerprint(config: IngestConfig) -> str:
    """Returns a digest that changes when a file of the log does: its name, size or time.

    TFX keys its cache by it, as files are not artifacts.
    """
    if config.log.simulator is not None:
        return "simulated"
    log = config.log
    files = find_files(log.folder, log.files)
    files += find_files(log.folder, log.items.files) if log.items else []
    facts = [(f.path, f.size_in_bytes, f.last_updated_in_seconds) for f in files]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
