"""The Beam pipeline from a log to examples: blocks of rows, shards of users, files of examples."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow as tf
from apache_beam.io.filesystems import FileSystems

from components.behavior_example_gen.catalogue import CombineItems
from components.behavior_example_gen.config import SPLITS, IngestConfig
from components.behavior_example_gen.counts import CombineCounts, Counts
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.hashing import combine, id_hash
from components.behavior_example_gen.reader import LogReader, Source, list_sources
from components.behavior_example_gen.shard import Shard
from components.behavior_example_gen.targets import WholeLog
from components.behavior_example_gen.timeline import CombineTimes

_SHARD_BYTES = 48 << 20  # of raw rows; sorting and encoding take a few times as much
_MIN_SHARDS = 4  # files that readers can interleave
_COUNTS = "counts"


def ingest(pipeline: beam.Pipeline, config: IngestConfig, output: str, counts_path: str) -> None:
    """Adds to a pipeline what turns a log into examples.

    Args:
      pipeline: a Beam pipeline.
      config: the configuration.
      output: folder of the splits; `Split-<name>/data_tfrecord-*.gz` are written.
      counts_path: file for the `Counts`, as JSON.
    """
    sources = list_sources(config)
    shards = config.log.shards or shard_count(sources)
    read = (
        pipeline
        | "Sources" >> beam.Create(sources)
        | "Spread" >> beam.Reshuffle()
        | "Read" >> beam.ParDo(_Read(config)).with_outputs(_COUNTS, main="rows")
    )
    cut = (
        read.rows
        | "Partition" >> beam.FlatMap(partition, shards)
        | "GroupByShard" >> beam.GroupByKey()
        | "Cut" >> beam.ParDo(_Cut(config, output, shards), **_whole_log(read.rows, config))
    )
    _ = (
        (read[_COUNTS], cut)
        | "AllCounts" >> beam.Flatten()
        | "AddCounts" >> beam.CombineGlobally(CombineCounts())
        | "WriteCounts" >> beam.Map(_write_text, counts_path)
    )


def shard_count(sources: list[Source]) -> int:
    """Returns into how many shards the users are cut, by the size of the log alone."""
    size = sum(source.size for source in sources)
    return min(max(_MIN_SHARDS, -(-size // _SHARD_BYTES)), 4096)


def partition(rows: pa.RecordBatch, shards: int) -> Iterator[tuple[int, bytes]]:
    """Yields the rows of each shard, as Arrow's stream format; a user's rows share a shard."""
    shard = (combine(id_hash(rows["user"])) % np.uint64(shards)).astype(np.uint16)
    order = np.argsort(shard, kind="stable")
    ends = np.cumsum(np.bincount(shard, minlength=shards))
    sorted_rows = rows.take(pa.array(order))
    for number, (begin, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        if end > begin:
            yield number, _to_bytes(sorted_rows.slice(begin, end - begin))


def unwrap(fault: Exception) -> Exception:
    """Returns the `LogError` that a Beam runner wrapped, or else the fault itself."""
    found = re.search(r"LogError: (.+)", str(fault))
    message = str(fault) if isinstance(fault, LogError) else found and found[1]
    return LogError(re.sub(r" \[while running .*", "", message)) if message else fault


class _Read(beam.DoFn):
    def __init__(self, config: IngestConfig):
        self._json = config.model_dump_json()

    def setup(self) -> None:
        self._reader = LogReader(IngestConfig.model_validate_json(self._json))

    def process(self, source: Source) -> Iterator[pa.RecordBatch | beam.pvalue.TaggedOutput]:
        for rows, counts in self._reader.read(source):
            yield beam.pvalue.TaggedOutput(_COUNTS, counts)
            if rows.num_rows:
                yield rows


class _Cut(beam.DoFn):
    def __init__(self, config: IngestConfig, output: str, shards: int):
        self._json, self._output, self._shards = config.model_dump_json(), output, shards

    def process(
        self, element: tuple[int, Iterable[bytes]], catalogue=None, cuts=None
    ) -> Iterator[Counts]:
        number, blocks = element
        rows = pa.Table.from_batches([_from_bytes(block) for block in blocks]).combine_chunks()
        config = IngestConfig.model_validate_json(self._json)
        shard = Shard(rows.to_batches()[0], config, WholeLog(catalogue, cuts))
        for split in SPLITS:
            if shard.counts.splits[split]["examples"]:
                name = f"data_tfrecord-{number:05d}-of-{self._shards:05d}.gz"
                path = os.path.join(self._output, f"Split-{split}", name)
                _write_examples(path, shard.encode(split))
        yield shard.counts


def _whole_log(rows: beam.PCollection, config: IngestConfig) -> dict[str, beam.pvalue.AsSingleton]:
    side = {}
    if config.label.negatives is not None:
        items = rows | "Catalogue" >> beam.CombineGlobally(CombineItems())
        side["catalogue"] = beam.pvalue.AsSingleton(items)
    if config.split.by == "time":
        times = CombineTimes(config.split.validation, config.split.eval)
        side["cuts"] = beam.pvalue.AsSingleton(rows | "Times" >> beam.CombineGlobally(times))
    return side


def _write_examples(path: str, parts: Iterable[list[bytes]]) -> None:
    """Writes aside and renames, so that a worker that is killed or repeated leaves no half file."""
    tf.io.gfile.makedirs(os.path.dirname(path))
    aside = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.{os.getpid()}")
    options = tf.io.TFRecordOptions("GZIP", compression_level=1)
    with tf.io.TFRecordWriter(aside, options) as writer, ThreadPoolExecutor(1) as beside:

        def write(part: list[bytes]) -> None:
            for example in part:
                writer.write(example)

        written: Future[None] = beside.submit(write, [])
        for part in parts:  # one part is compressed while the next one is encoded
            written.result()
            written = beside.submit(write, part)
        written.result()
    tf.io.gfile.rename(aside, path, overwrite=True)


def _write_text(text: str, path: str) -> None:
    with FileSystems.create(path) as file:
        file.write(text.encode())


def _to_bytes(rows: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_batch(rows)
    return sink.getvalue().to_pybytes()


def _from_bytes(data: bytes) -> pa.RecordBatch:
    return pa.ipc.open_stream(data).read_next_batch()
