"""The Beam pipeline from a log to examples: blocks of rows, shards of users, files of examples."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.io.filesystems import FileSystems

from components.behavior_example_gen.beam import progress
from components.behavior_example_gen.beam.spill import Piece, gather, spill
from components.behavior_example_gen.beam.storage import write_text
from components.behavior_example_gen.beam.threads import ParallelDoFn
from components.behavior_example_gen.clean.account import CombineCounts, Counts
from components.behavior_example_gen.clean.intake import Intake
from components.behavior_example_gen.clean.notes import Notes
from components.behavior_example_gen.clean.refuse import check_rows, check_told
from components.behavior_example_gen.clean.remarks import remarks
from components.behavior_example_gen.config.ingest_config import SPLITS, IngestConfig
from components.behavior_example_gen.cut.item_features import CombineItemFeatures, ItemFeatures
from components.behavior_example_gen.cut.items import Catalogue, CombineItems, count_pairs
from components.behavior_example_gen.cut.repeats import Repeats, count_repeats, total
from components.behavior_example_gen.cut.targets import WholeLog
from components.behavior_example_gen.cut.time_cuts import CombineTimes, Timeline
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read.block import Block
from components.behavior_example_gen.shard import Shard
from components.behavior_example_gen.sources import log_size, read_log
from components.behavior_example_gen.sources.columns import Columns, find_columns
from components.behavior_example_gen.sources.tables import JoinedTables
from components.behavior_example_gen.write.items import Items, alone
from components.behavior_example_gen.write.tfrecord import write_records
from components.interruption import is_interruption
from models import features
from models.feature_config import IdFeature

COUNTS, QUARANTINE = "counts.json", "quarantine.jsonl"
_MIN_SHARDS, _MAX_SHARDS = 4, 4096  # files that readers can interleave; pieces of a spill file
_WORKING = 8  # bytes that sorting and cutting take, for each byte of the rows
_SPILL_BYTES = 32 << 20  # of raw rows that one spill file is made of
_COUNTED, _TIMES, _ITEMS, _EVAL_ITEMS = "counts", "times", "items", "eval_items"
_OF_ITEMS, _REPEATS = "of_items", "repeats"


def ingest(pipeline: beam.Pipeline, config: IngestConfig, output: str, work: str) -> None:
    """Adds to a pipeline what turns a log into examples.

    Args:
      pipeline: a Beam pipeline.
      config: the configuration.
      output: folder with `Split-<name>` for each split, which get `data_tfrecord-*.gz`; it gets
        `quarantine.jsonl`. All workers must share its file system.
      work: folder on that file system for rows on their way and unfinished files; it gets
        `counts.json`, the `Counts`.
    """
    columns = find_columns(config)
    shards = config.log.shards or shard_count(log_size(config), config.shard_memory_mib << 20)
    tags = [_COUNTED, *_needed(config)]
    read = read_log(pipeline, config) | "Spill" >> beam.ParDo(
        _Spill(config, columns, shards, work, tags)
    ).with_outputs(*tags, main="pieces")
    taken = read[_COUNTED] | "AddTaken" >> beam.CombineGlobally(CombineCounts())
    checked = taken | "Check" >> beam.Map(_check, config.model_dump_json(), output)
    whole = {"checked": beam.pvalue.AsSingleton(checked)}
    for tag, combine in _needed(config).items():
        whole[tag] = beam.pvalue.AsSingleton(read[tag] | tag >> beam.CombineGlobally(combine))
    pieces = read.pieces | "GroupByShard" >> beam.GroupByKey()
    told: dict[str, beam.pvalue.AsSingleton] = {}
    if _draws_by_time(config) or _asks_for_repeats(config):
        known = {tag: whole[tag] for tag in ("checked", _TIMES) if tag in whole}
        before = pieces | "CountBefore" >> beam.ParDo(_CountBefore(config), **known).with_outputs(
            _ITEMS, _EVAL_ITEMS, _REPEATS
        )
    if _draws_by_time(config):
        every = (before[_ITEMS], before[_EVAL_ITEMS]) | "BeforeEval" >> beam.Flatten()
        for tag, pairs in ((_ITEMS, before[_ITEMS]), (_EVAL_ITEMS, every)):
            found = pairs | tag >> beam.CombineGlobally(CombineItems())
            whole[tag] = beam.pvalue.AsSingleton(found)
    if _asks_for_repeats(config):
        found = before[_REPEATS] | "AddRepeats" >> beam.CombineGlobally(total)
        whole[_REPEATS] = told[_REPEATS] = beam.pvalue.AsSingleton(found)
    cut = pieces | "Cut" >> beam.ParDo(
        _Cut(config, columns, shards, output, work), **whole
    ).with_outputs(_OF_ITEMS, main=_COUNTED)
    counted = [taken, cut[_COUNTED]]
    if config.has_items:
        of_items = cut[_OF_ITEMS] | "AddItems" >> beam.CombineGlobally(CombineItemFeatures())
        write = beam.Map(_write_items, config.model_dump_json(), columns, output, work)
        counted.append(of_items | "WriteItems" >> write)
    _ = (
        counted
        | "AllCounts" >> beam.Flatten()
        | "AddCounts" >> beam.CombineGlobally(CombineCounts())
        | "WriteCounts" >> beam.Map(_write_counts, config.model_dump_json(), output, work, **told)
    )


def shard_count(log_bytes: int, shard_bytes: int) -> int:
    """Returns into how many shards the users are cut, so that each can be cut in its memory."""
    return min(max(_MIN_SHARDS, -(-log_bytes * _WORKING // shard_bytes)), _MAX_SHARDS)


def unwrap(fault: Exception) -> BaseException:
    """Returns the `LogError` or the interruption that a Beam runner wrapped, or else the fault."""
    if is_interruption(fault):
        return KeyboardInterrupt()
    found = re.search(r"LogError: ((?:.+\n?)(?:  .+\n?)*)", str(fault))
    message = str(fault) if isinstance(fault, LogError) else found and found[1].rstrip()
    return LogError(re.sub(r" \[while running .*", "", message)) if message else fault


class _Spill(ParallelDoFn[list[Block], object]):
    """Cleans blocks of rows, and spills them by shard, some blocks at a time."""

    busy = "spill_seconds"

    def __init__(
        self, config: IngestConfig, columns: Columns, shards: int, work: str, tags: list[str]
    ):
        super().__init__()
        self._json, self._columns = config.model_dump_json(), columns
        self._shards, self._work, self._tags = shards, work, tags

    def setup(self) -> None:
        super().setup()
        config = IngestConfig.model_validate_json(self._json)
        self._intake = Intake(config, self._columns)
        self._ticks_per_second = config.log.mapping.time.ticks_per_second

    def start_bundle(self) -> None:
        super().start_bundle()
        self._waiting: list[Block] = []

    def process(self, block: Block) -> Iterator[object]:
        self._waiting.append(block)
        if sum(waiting.batch.nbytes for waiting in self._waiting) >= _SPILL_BYTES:
            yield from self.submit(self._waiting)
            self._waiting = []

    def finish_bundle(self) -> Iterator[object]:
        if self._waiting:
            yield from self.windowed(self.submit(self._waiting))
        yield from super().finish_bundle()

    def work(self, task: list[Block]) -> list[object]:
        taken = [self._intake.take(block) for block in task]
        batches = [rows for rows, _ in taken if rows.num_rows]
        counts = sum((counts for _, counts in taken), Counts())
        results: list[object] = [beam.pvalue.TaggedOutput(_COUNTED, counts)]
        if batches:
            results += spill(batches, self._shards, self._work)
            rows = pa.Table.from_batches(batches)
            if _TIMES in self._tags:
                timeline = Timeline.of(rows, self._ticks_per_second)
                results.append(beam.pvalue.TaggedOutput(_TIMES, timeline))
            if _ITEMS in self._tags:
                known = rows.filter(pc.is_valid(rows["category"]))
                results.append(beam.pvalue.TaggedOutput(_ITEMS, count_pairs(known)))
        progress.add(rows=counts.rows)
        return results


class _CountBefore(ParallelDoFn[tuple[list[Piece], tuple[int, int] | None], object]):
    """Counts in a shard what must be known before negatives are drawn.

    That is its items before the cuts in time, if the split is by time: negatives know no future;
    and how often positives are repeats, if the log is asked for the rule of these.
    """

    busy = "count_seconds"

    def __init__(self, config: IngestConfig):
        super().__init__()
        self._ticks_per_second = config.log.mapping.time.ticks_per_second
        self._asks_for_repeats = _asks_for_repeats(config)
        self._positives_alone = config.history.include != "all"

    def process(
        self,
        element: tuple[int, list[Piece]],
        checked: int,
        times: tuple[int, int] | None = None,
    ) -> Iterator[object]:
        yield from self.submit((list(element[1]), times))

    def work(self, task: tuple[list[Piece], tuple[int, int] | None]) -> list[object]:
        pieces, times = task
        rows = pa.table(gather(pieces).select(["user", "item", "category", "time", "label"]))
        counted: list[object] = []
        if times is not None:
            seconds = rows["time"].to_numpy() // self._ticks_per_second
            first = seconds < times[0]
            for tag, which in ((_ITEMS, first), (_EVAL_ITEMS, ~first & (seconds < times[1]))):
                if which.any():
                    pairs = count_pairs(rows.filter(pa.array(which)))
                    counted.append(beam.pvalue.TaggedOutput(tag, pairs))
        if self._asks_for_repeats:
            repeats = count_repeats(rows, self._positives_alone)
            counted.append(beam.pvalue.TaggedOutput(_REPEATS, repeats))
        return counted


class _Cut(ParallelDoFn[tuple[int, list[Piece], WholeLog], object]):
    """Makes the examples of the users of a shard."""

    busy = "cut_seconds"

    def __init__(self, config: IngestConfig, columns: Columns, shards: int, output: str, work: str):
        super().__init__()
        self._json, self._columns, self._shards = config.model_dump_json(), columns, shards
        self._output, self._work = output, work

    def setup(self) -> None:
        super().setup()
        config = IngestConfig.model_validate_json(self._json)
        self._tables = JoinedTables(config, self._columns, of=["user"])

    def process(
        self,
        element: tuple[int, list[Piece]],
        checked: int,
        times: tuple[int, int] | None = None,
        items: Catalogue | None = None,
        eval_items: Catalogue | None = None,
        repeats: Repeats | None = None,
    ) -> Iterator[object]:
        number, pieces = element
        rule = repeats.rule if repeats is not None else "keep"
        whole = WholeLog(items, times, eval_items, checked, rule)
        yield from self.submit((number, list(pieces), whole))

    def work(self, task: tuple[int, list[Piece], WholeLog]) -> list[object]:
        number, pieces, whole = task
        config = IngestConfig.model_validate_json(self._json)
        shard = Shard(gather(pieces), config, whole, self._tables)
        for split in SPLITS:
            if shard.counts.splits[split]["examples"]:
                name = f"data_tfrecord-{number:05d}-of-{self._shards:05d}.gz"
                path = FileSystems.join(self._output, f"Split-{split}", name)
                write_records(path, self._work, shard.encode(split))
        examples = sum(split["examples"] for split in shard.counts.splits.values())
        progress.add(users=shard.counts.users, examples=examples)
        results: list[object] = [shard.counts]
        if shard.items is not None:
            results.append(beam.pvalue.TaggedOutput(_OF_ITEMS, shard.items))
        return results


def _needed(config: IngestConfig) -> dict[str, beam.CombineFn]:
    """What must be known of the whole log before its users are cut."""
    needed: dict[str, beam.CombineFn] = {}
    draws = config.label.negatives is not None and not _draws_by_time(config)
    if draws or config.looks_up_categories:
        needed[_ITEMS] = CombineItems()
    if config.split.by == "time":
        needed[_TIMES] = CombineTimes(config.split.validation, config.split.eval)
    return needed


def _draws_by_time(config: IngestConfig) -> bool:
    return config.label.negatives is not None and config.split.by == "time"


def _asks_for_repeats(config: IngestConfig) -> bool:
    return config.label.negatives is not None and config.label.negatives.repeats is None


def _check(counts: Counts, config_json: str, output: str) -> int:
    """Stops before the users are cut if the rows are too bad, and leaves the quarantine behind.

    Returns:
      The time of the log's last row, in ticks.
    """
    write_text(counts.quarantine(), FileSystems.join(output, QUARANTINE))
    check_rows(counts, IngestConfig.model_validate_json(config_json))
    return max(span.last for span in counts.spans.values())


def _write_items(
    rows: ItemFeatures | None, config_json: str, columns: Columns, output: str, work: str
) -> Counts:
    """Writes the split of items, and returns what became of them."""
    config = IngestConfig.model_validate_json(config_json)
    items = Items.of(rows, JoinedTables(config, columns, of=["item"]), config)
    path = FileSystems.join(output, f"Split-{features.ITEMS}", "data_tfrecord-00000-of-00001.gz")
    kind = config.log.mapping.user.type
    user = pa.array([0], pa.int64()) if kind == "int" else pa.array([b""], pa.binary())
    write_records(path, work, items.encode(user))
    notes = Notes(repeated=items.repeated)
    for name, last in (rows.last if rows is not None else {}).items():
        notes.valued[name] = last.num_rows
        notes.differing[name] = pc.sum(last["differs"]).as_py() or 0
    for name, values in items.values.items():
        notes.told[name] = int(items.counts[values.known].sum()), int(items.counts.sum())
        check_told(name, notes.told[name], config)
        if isinstance(config.features[name], IdFeature):
            notes.alone[name] = alone(values.flat)
    return Counts(items=len(items.ids), notes=notes)


def _write_counts(
    counts: Counts, config_json: str, output: str, work: str, repeats: Repeats | None = None
) -> None:
    write_text(counts.quarantine(), FileSystems.join(output, QUARANTINE))
    plain = counts.to_dict()
    config = IngestConfig.model_validate_json(config_json)
    if config.log.tables:
        plain["known"] = {name: counts.known[name] for name in config.log.tables}
    if config.has_items:
        differing = {name: counts.notes.differing[name] for name in counts.notes.valued}
        plain["items"] = {"items": counts.items, "differing": differing}
    plain["warnings"] = remarks(counts, config)
    if config.label.negatives is not None:
        plain["repeats"] = config.label.negatives.repeats
        if repeats is not None:
            plain |= {"repeats": repeats.rule, "repeated_share": repeats.share}
    write_text(json.dumps(plain), FileSystems.join(work, COUNTS))
