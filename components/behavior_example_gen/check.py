"""What can be said of a log before a pipeline starts: whether it can be read, and which it is."""

from __future__ import annotations

from components.behavior_example_gen.config import IngestConfig
from components.behavior_example_gen.counts import Counts
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.intake import Intake
from components.behavior_example_gen.sources import fingerprint, open_sources
from components.behavior_example_gen.verdict import check_rows, describe

__all__ = ["check_log", "fingerprint"]


def check_log(config: IngestConfig) -> None:
    """Reads the head of every file, and refuses a log that cannot be used.

    Of a log of small files that is every row, and so bad rows, too, are refused here.

    Raises:
      LogError: naming the file, its fault and the way out.
    """
    intake, heads, whole = Intake(config), Counts(), True
    for source in open_sources(config).values():
        if not source.has_heads:
            return  # a simulation, a query: known only once it runs
        for block, complete in source.heads():
            heads += intake.take(block)[1]
            whole &= complete
    if whole:
        check_rows(heads, config)
    if not heads.rows_kept:
        raise LogError(
            f"{describe(config)}: none of the first {heads.rows:,} rows can be used. Mend the log, "
            f"`log.columns` or `log.where`.\n{heads.table()}"
        )
