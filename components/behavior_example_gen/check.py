"""What can be said of a log before a pipeline starts: whether it can be read, and which it is."""

from __future__ import annotations

import hashlib
import json

from components.behavior_example_gen.config import IngestConfig
from components.behavior_example_gen.counts import Counts, check_rows, describe
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.reader import LogReader, list_sources
from components.behavior_example_gen.sources import find_files


def check_log(config: IngestConfig) -> None:
    """Reads the head of every file, and refuses a log that cannot be used.

    Of a log of small files that is every row, and so bad rows, too, are refused here.

    Raises:
      LogError: naming the file, its fault and the way out.
    """
    if config.log.simulator is not None:
        return
    reader, heads, whole = LogReader(config), Counts(), True
    for source in list_sources(config):
        blocks = reader.read(source)
        heads += next((counts for _, counts in blocks), Counts())
        whole &= next(blocks, None) is None
    if whole:
        check_rows(heads, config)
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
