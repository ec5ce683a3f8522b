"""What can be said of a log before a pipeline starts: whether it can be read, and which it is."""

from __future__ import annotations

from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from components.behavior_example_gen.beam import progress
from components.behavior_example_gen.clean.account import Counts
from components.behavior_example_gen.clean.intake import Intake
from components.behavior_example_gen.clean.refuse import (
    bad_rows,
    check_kinds,
    check_marks,
    check_rows,
    describe,
)
from components.behavior_example_gen.clean.sequences import check_no_sequences
from components.behavior_example_gen.clean.time_check import check_times
from components.behavior_example_gen.config.ingest_config import IngestConfig, Table, section
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read.files import find_files
from components.behavior_example_gen.read.vectors import read_vectors
from components.behavior_example_gen.sources import fingerprint, open_sources
from components.behavior_example_gen.sources.columns import find_columns

__all__ = ["check_log", "fingerprint"]


def check_log(config: IngestConfig) -> None:
    """Reads the head of every file, and refuses a log that cannot be used.

    Of a log of small files that is every row, and so bad rows, too, are refused here. `progress`
    tells of how many `files` it has `checked` how many.

    Raises:
      LogError: naming the file, its fault and the way out.
    """
    # Beam opens no `s3://` without options, and has none until there is a pipeline.
    FileSystems.set_options(PipelineOptions([]))
    columns = find_columns(config)
    intake, whole, every = Intake(config, columns), True, Counts()
    if columns.joined:
        _ = intake.tables.features  # every cell of them is read
    for name, feature in config.vectors.items():
        for file in find_files(config.log.folder, feature.file, f"features.{name}.file"):
            next(read_vectors(file.path, name, feature), None)
    heads: dict[Table, Counts] = {}
    sources = open_sources(config)
    progress.add(files=sum(source.parts for source in sources.values()))
    for table, source in sources.items():
        if not source.parts:
            whole = False
            continue
        heads[table] = Counts()
        for block, complete in source.heads():
            check_no_sequences(block.of(table), config)
            heads[table] += intake.take(block.of(table))[1]
            whole &= complete
            progress.add(checked=1)
        every += heads[table]
    check_kinds(every)
    check_marks(every, config)
    for table, counts in heads.items():
        check_times(counts, config, describe(config, table))
    if whole:
        check_rows(every, config)
    for table, counts in heads.items():
        where = describe(config, table)
        if not counts.rows:
            raise LogError(f"{where}: is empty: it has no rows. Write it again.")
        if bad_rows(counts) == counts.rows:
            raise LogError(
                f"{where}: none of the first {counts.rows:,} rows can be used. Mend the rows, or "
                f"`{section(table)}.columns`.\n{counts.table(config)}"
            )
