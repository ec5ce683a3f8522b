"""The tables of a log, each from its source."""

from __future__ import annotations

import hashlib

import apache_beam as beam

from components.behavior_example_gen.config.ingest_config import IngestConfig, Table, section
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read.block import Block
from components.behavior_example_gen.read.files import find_files
from components.behavior_example_gen.sources.bigquery import bigquery_source
from components.behavior_example_gen.sources.columns import find_columns
from components.behavior_example_gen.sources.from_beam import beam_source
from components.behavior_example_gen.sources.from_files import FileSource
from components.behavior_example_gen.sources.simulated import SimulatedSource
from components.behavior_example_gen.sources.source import Source
from components.behavior_example_gen.sources.tfds import TfdsSource
from components.secrets import resolve


def open_sources(config: IngestConfig) -> dict[Table, Source]:
    """Returns the source of each table of a log.

    Raises:
      LogError: if a source cannot be used: the message names it, and what to do.
    """
    columns = find_columns(config)
    sources = {table: _open(config, table, columns.read[table]) for table in config.tables()}
    for table, source in sources.items():
        if config.history.ties == "order" and not source.keeps_order:
            raise LogError(
                f"`history.ties: order` needs the order of the log, which "
                f"{config.table(table).source} does not keep. Set `history.ties: exclude`, or "
                f"`{section(table)}.columns.time.unit: order` with a column that numbers a "
                f"user's rows."
            )
    return sources


def read_log(pipeline: beam.Pipeline, config: IngestConfig) -> beam.PCollection[Block]:
    """Adds the reading of all tables to a pipeline; columns of `log.tables` are not joined yet."""
    return tuple(
        pipeline | f"Read[{table}]" >> _Read(source, table)
        for table, source in open_sources(config).items()
    ) | beam.Flatten(pipeline=pipeline)


def log_size(config: IngestConfig) -> int:
    """Returns an estimate of the log's size in memory, in bytes."""
    return sum(source.size() for source in open_sources(config).values())


def fingerprint(config: IngestConfig) -> str:
    """Returns a digest that changes when the rows of a log do; TFX keys its cache by it."""
    parts = [source.fingerprint() for source in open_sources(config).values()]
    further: list[tuple[str, str | list[str], str]] = [
        (config.log.folder_of(table), table.files, f"{section(name)}.files")
        for name, table in config.log.tables.items()
    ]
    further += [
        (config.log.folder, feature.file, f"features.{name}.file")
        for name, feature in config.vectors.items()
    ]
    for folder, names, key in further:
        files = find_files(folder, names, key)
        parts += [f"{f.path} {f.size_in_bytes} {f.last_updated_in_seconds}" for f in files]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


class _Read(beam.PTransform):
    """The blocks of one table, marked as its."""

    def __init__(self, source: Source, table: Table):
        super().__init__()
        self._source, self._table = source, table

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection[Block]:
        return self._source.blocks(pipeline) | "Mark" >> beam.Map(Block.of, self._table)


def _open(config: IngestConfig, table: Table, columns: list[str]) -> Source:
    source, key = config.table(table), section(table)
    optional = frozenset(columns).difference(config.required_columns(table))
    if table == "log" and config.log.simulator is not None:
        return SimulatedSource(config.log.simulator, columns)
    if source.source is None:
        folder = config.log.folder_of(source)
        return FileSource(source.model_copy(update={"folder": folder}), columns, key, optional)
    kind, _, name = source.source.partition(":")
    options = resolve(source.options, f"{key}.options")
    if kind == "tfds":
        return TfdsSource(name, options, columns, config.mapping(table).time.column, key)
    make = {"bigquery": bigquery_source, "beam": beam_source}[kind]
    return make(name, options, columns, key, optional)
