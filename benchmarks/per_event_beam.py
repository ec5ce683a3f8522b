"""The plain way to do what `everlong ingest` does: Beam with one Python tuple per event.

Events are grouped by user, sorted and cut in loops, and built into `tf.train.Example`s one feature
at a time. It makes the same examples as Everlong of a simulated log (`everlong bench ingest` writes
one), byte for byte, and is kept only to be measured against.

    python benchmarks/per_event_beam.py --log runs/bench/simulated_1000000_….parquet --json OUT
"""

from __future__ import annotations

import components  # noqa: F401  # it sets the environment of libraries, before they are imported

# isort: split
import argparse
import bisect
import itertools
import json
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import apache_beam as beam
import tensorflow as tf

from models.memory import peak_memory_mib
from pipeline import result_file
from pipeline.config import load

MAX_LENGTH, MATCH, GAP, MIN_LOCAL, TARGETS = 1000, 50, 1800, 16, 64
VALIDATION, EVAL = 0.1, 0.2
SPLITS = ("train", "validation", "eval")


class Event(NamedTuple):
    """A row of the log, in the order in which equal times are sorted."""

    time: int
    item: int
    category: int
    behavior: int
    label: int  # -1: no target
    request: int  # -1: none
    oracle: float | None


class Target(NamedTuple):
    """A target and where its subsequences begin and end in its user's events."""

    event: Event
    request: int
    begin: int
    end: int
    local: int
    match: list[int]


def read(path: str) -> beam.PTransform:
    """Reads dictionaries of a Parquet or CSV log."""
    if path.endswith(".parquet"):
        return beam.io.ReadFromParquet(path)
    with Path(path).open(encoding="utf-8") as file:
        names = [name.strip('"') for name in file.readline().strip().split(",")]
    return _ReadCsv(path, names)


class _ReadCsv(beam.PTransform):
    def __init__(self, path: str, names: list[str]):
        super().__init__()
        self._path, self._names = path, names

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection[dict[str, str]]:
        lines = pipeline | beam.io.ReadFromText(self._path, skip_header_lines=1)
        return lines | beam.Map(lambda line: dict(zip(self._names, line.split(","), strict=True)))


def to_event(row: dict[str, object]) -> tuple[int, Event]:
    """Returns the user and the event of a row."""
    label, oracle = row["label"], row["click_probability"]
    return int(row["user_id"]), Event(
        int(row["time"]),
        int(row["item_id"]),
        int(row["category_id"]),
        int(row["behavior"]),
        -1 if label in (None, "") else int(label),
        -1 if row["request"] in (None, "") else int(row["request"]),
        None if oracle in (None, "") else float(oracle),
    )


def cut(user: int, events: Iterable[Event]) -> Iterator[tuple[str, bytes]]:
    """Yields the examples of a user: split and serialized example."""
    events = sorted(set(events), key=lambda e: (*e[:6], -1 if e.oracle is None else e.oracle))
    times = [event.time for event in events]
    places: dict[int, list[int]] = {}
    sessions: list[int] = []
    for place, event in enumerate(events):
        places.setdefault(event.category, []).append(place)
        new = not place or event.time - times[place - 1] > GAP
        sessions.append(place if new else sessions[-1])
    shown = [event for event in events if event.label >= 0 and event.time > times[0]]
    requests = {request: n for n, request in enumerate(dict.fromkeys(e.request for e in shown))}
    targets = [_target(e, requests[e.request], times, sessions, places) for e in shown]
    size = len(requests)
    held, last = (size * round(share * 100) // 100 for share in (VALIDATION + EVAL, EVAL))
    ends = (0, size - held, size - last, size)
    for split, first, end in zip(SPLITS, ends[:-1], ends[1:], strict=True):
        part = [target for target in targets if first <= target.request < end]
        for packed in _pack(part, 1 if split == "eval" else TARGETS):
            yield split, _example(user, events, packed, split == "eval")


def _target(
    event: Event, request: int, times: list[int], sessions: list[int], places: dict[int, list[int]]
) -> Target:
    end = bisect.bisect_left(times, event.time)
    step = MAX_LENGTH // 8
    begin = -(-max(end - MAX_LENGTH, 0) // step) * step
    local = end - MIN_LOCAL
    if event.time - times[end - 1] <= GAP:
        local = min(local, sessions[end - 1])
    same = places.get(event.category, [])
    first, last = bisect.bisect_left(same, begin), bisect.bisect_left(same, end)
    return Target(
        event, request, begin, end, max(local, begin), same[max(first, last - MATCH) : last]
    )


def _pack(targets: list[Target], size: int) -> Iterator[list[Target]]:
    packed: list[Target] = []
    for _, group in itertools.groupby(targets, key=lambda target: target.request):
        request = list(group)
        for first in range(0, len(request), size):
            piece = request[first : first + size]
            full = len(packed) + len(piece) > size
            if packed and (full or packed[0].begin != piece[0].begin):
                yield packed
                packed = []
            packed += piece
    if packed:
        yield packed


def _example(user: int, events: list[Event], targets: list[Target], sliced: bool) -> bytes:
    begin, end = targets[0].begin, targets[-1].end
    history = events[begin:end]
    integers = {
        "user_id": [user],
        "history_item": [event.item for event in history],
        "history_category": [event.category for event in history],
        "history_behavior": [event.behavior for event in history],
        "history_time": [event.time for event in history],
        "target_item": [target.event.item for target in targets],
        "target_category": [target.event.category for target in targets],
        "target_time": [target.event.time for target in targets],
        "target_request": [target.request for target in targets],
        "target_hist_end": [target.end - begin for target in targets],
        "target_local_begin": [target.local - begin for target in targets],
        "target_match": [
            place
            for target in targets
            for place in [p - begin for p in target.match] + [-1] * (MATCH - len(target.match))
        ],
    }
    floats = {"label": [float(target.event.label) for target in targets]}
    if sliced:
        integers["slice_history_length"] = [1 << (end - begin).bit_length() - 1]
        integers["slice_user_activity"] = [1 << len(events).bit_length() - 1]
        floats["target_oracle"] = [target.event.oracle for target in targets]
    feature = {
        name: tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        for name, values in integers.items()
    } | {
        name: tf.train.Feature(float_list=tf.train.FloatList(value=values))
        for name, values in floats.items()
    }
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    return example.SerializeToString(deterministic=True)


def run(log: str, output: str) -> None:
    """Writes the examples of a log to `output/Split-<name>/data_tfrecord-*.gz`."""
    with beam.Pipeline() as pipeline:
        examples = (
            pipeline
            | read(log)
            | "ToEvent" >> beam.Map(to_event)
            | "ByUser" >> beam.GroupByKey()
            | "Cut" >> beam.FlatMapTuple(cut)
        )
        for split in SPLITS:
            _ = (
                examples
                | f"Only[{split}]" >> beam.Filter(lambda pair, name: pair[0] == name, split)
                | f"Example[{split}]" >> beam.Values()
                | f"Write[{split}]"
                >> beam.io.WriteToTFRecord(
                    f"{output}/Split-{split}/data_tfrecord", file_name_suffix=".gz", num_shards=4
                )
            )


def main() -> None:
    """Measures one log."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--log", required=True, metavar="FILE", help="FILE.parquet or FILE.csv")
    parser.add_argument("--json", type=Path, metavar="OUT", help="file for the figures")
    parsed = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="everlong-per-event-") as folder:
        run(parsed.log, folder)
        seconds = time.monotonic() - begun
        files = [str(file) for file in Path(folder).glob("Split-*/*")]
        examples = sum(1 for _ in tf.data.TFRecordDataset(files, "GZIP"))
    if parsed.log.endswith(".parquet"):
        import pyarrow.parquet

        events = pyarrow.parquet.read_metadata(parsed.log).num_rows
    else:
        with Path(parsed.log).open("rb") as file:
            events = sum(1 for _ in file) - 1
    row = {
        "name": "per-event Beam",
        "format": parsed.log.rsplit(".", 1)[-1],
        "events": events,
        "events_per_second": events / seconds,
        "seconds": seconds,
        "peak_memory_mib": peak_memory_mib(),
        "examples": examples,
    }
    print(json.dumps(row, indent=2))
    if parsed.json:
        result_file.write(parsed.json, load("demo", [f"history.max_length={MAX_LENGTH}"]), [row])


if __name__ == "__main__":
    main()
