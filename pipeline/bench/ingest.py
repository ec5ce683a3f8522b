"""`everlong bench ingest`: events per second from a log to compressed examples, and peak memory.

Simulated logs of --events rows, in which the rows of 512 users at a time lie in the order of time,
are written once as CSV and as Parquet below --work-dir: histories to 1,000 behaviours, packed
examples for training and one per target for evaluation. With --config, the logs of those
configurations are measured instead. Each row is measured in a process of its own; its seconds are
those of the whole ingest, from opening the log to `counts.json`, without Python's imports.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from components.behavior_example_gen.config.ingest_config import IngestConfig, LogConfig
from components.errors import InputError
from components.secrets import resolve
from models.memory import peak_memory_mib
from pipeline import result_file
from pipeline.bench import arguments, runs
from pipeline.bench.child import ChildFailed, in_child
from pipeline.config import Config, load
from pipeline.terminal.console import quiet
from pipeline.terminal.exit_codes import DONE, FAILED

SUMMARY = "events per second from a log to examples, and peak memory"
_EVENTS = (1_000_000, 10_000_000, 30_000_000)
_FORMATS = ("parquet", "csv")
_USERS = 512  # whose rows lie mixed in the log, as those of all users do in a real one
_HISTORY = ("history.max_length=1000",)
_COLUMNS = {
    "name": "log",
    "format": "format",
    "events": "events",
    "events_per_second": "events/s",
    "seconds": "s",
    "peak_memory_mib": "peak MiB",
    "examples": "examples",
    "examples_mib": "examples MiB",
    "spill_share": "read+spill",
    "cut_share": "sort+cut+write",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--events",
        type=arguments.positive,
        action="append",
        metavar="N",
        help="rows of a simulated log; may be repeated (default: 1, 10 and 30 million)",
    )
    parser.add_argument(
        "--config",
        action="append",
        dest="configs",
        metavar="FILE",
        help="measure the log of this configuration instead; may be repeated",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override one key of every configuration; may be repeated",
    )
    parser.add_argument(
        "--rounds",
        type=arguments.positive,
        default=1,
        metavar="N",
        help="times that everything is measured, in turn; the medians are shown (default: 1)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to FILE")
    parser.add_argument(
        "--work-dir",
        type=Path,
        default=Path("runs/bench"),
        metavar="DIR",
        help="folder of logs and examples (default: runs/bench)",
    )


def execute(parsed: argparse.Namespace) -> int:
    if parsed.events and parsed.configs:
        raise InputError("bench ingest: give --events or --config; they are different logs")
    result_file.check_writable(parsed.json)
    work = parsed.work_dir.resolve()
    work.mkdir(parents=True, exist_ok=True)
    rounds: dict[int, list[dict[str, Any]]] = {}
    with quiet(work / "log.txt") as terminal:
        with terminal.running("writing simulated logs"):
            jobs = list(_configs(parsed, work))
        try:
            for number in range(parsed.rounds):
                for place, (name, config) in enumerate(jobs):
                    with terminal.running(f"round {number + 1} of {parsed.rounds}: {name}"):
                        job = {"name": name, "ingest": config.ingest.model_dump(mode="json")}
                        job |= {"args": config.beam.args, "folder": str(work / "examples")}
                        row = in_child("pipeline.bench.ingest:measure", job, work / "log.txt")
                    rounds.setdefault(place, []).append(row)
        except ChildFailed as error:
            terminal.line(f"everlong: {error}")
            return FAILED
        rows = [runs.over_rounds(several) for several in rounds.values()]
        terminal.line(result_file.table(rows, _COLUMNS))
    if parsed.json:
        result_file.write(parsed.json, jobs[0][1] if parsed.configs else _simulated(parsed), rows)
    return DONE


def measure(job: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the row of one log; called in a process of its own."""
    import apache_beam as beam

    from components.behavior_example_gen.beam import progress
    from components.behavior_example_gen.run import write_examples

    config, folder = IngestConfig.model_validate(job["ingest"]), Path(job["folder"])
    shutil.rmtree(folder, ignore_errors=True)
    started = time.process_time()
    try:
        counts = write_examples(
            config, str(folder), lambda: beam.Pipeline(argv=resolve(job["args"], "beam.args"))
        )
        computed = time.process_time() - started
        size = sum(file.stat().st_size for file in folder.glob("Split-*/*"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    busy = progress.so_far()
    work = busy["spill_seconds"] + busy["cut_seconds"]
    return {
        "name": job["name"],
        "format": _format(config.log),
        "events": counts["rows"],
        "events_per_second": counts["rows"] / counts["seconds"],
        "seconds": counts["seconds"],
        "cpu_seconds": computed,
        "peak_memory_mib": peak_memory_mib(),
        "users": counts["users"],
        "examples": sum(split["examples"] for split in counts["splits"].values()),
        "targets": sum(split["targets"] for split in counts["splits"].values()),
        "examples_mib": size / 2**20,
        "spill_share": busy["spill_seconds"] / work,
        "cut_share": busy["cut_seconds"] / work,
    }


def _configs(parsed: argparse.Namespace, work: Path) -> Iterator[tuple[str, Config]]:
    from components.behavior_example_gen.check import check_log

    for name in parsed.configs or ():
        config = load(name, parsed.overrides)
        check_log(config.ingest)
        yield Path(name).stem, config
    if not parsed.configs:
        base = _simulated(parsed)
        for events in parsed.events or _EVENTS:
            stem = write_log(base, events, work)
            for layout in _FORMATS:
                told = {
                    "folder": str(work),
                    "files": f"{stem}.{layout}",
                    "columns": base.log.mapping.model_dump(),
                }
                log = LogConfig.model_validate(told)
                yield f"simulated {events:,}", base.model_copy(update={"log": log})


def _simulated(parsed: argparse.Namespace) -> Config:
    return load("demo", [*_HISTORY, *parsed.overrides])


def write_log(config: Config, events: int, folder: Path) -> str:
    """Writes a simulated log of so many rows as CSV and as Parquet, unless it is there.

    Returns:
      The name of the files, without their endings.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    from components.simulator.simulator import simulate

    simulator = config.log.simulator
    assert simulator is not None, "only a simulated log is written"
    settings = simulator.model_dump_json(exclude={"users"})
    stem = f"simulated_{events}_{hashlib.sha256(settings.encode()).hexdigest()[:8]}"
    if all((folder / f"{stem}.{layout}").exists() for layout in _FORMATS):
        return stem
    left, first = events, 0
    writers: list[pa.parquet.ParquetWriter | pa.csv.CSVWriter] = []
    while left:
        rows = simulate(simulator, range(first, first + _USERS))
        rows = rows.slice(0, left)
        rows = rows.take(pa.array(np.argsort(rows["time"].to_numpy(), kind="stable")))
        if not writers:
            aside = [folder / f".{stem}.{layout}" for layout in _FORMATS]
            writers = [
                pa.parquet.ParquetWriter(aside[0], rows.schema),
                pa.csv.CSVWriter(aside[1], rows.schema),
            ]
        for writer in writers:
            writer.write_table(rows)
        left, first = left - rows.num_rows, first + _USERS
    for writer, layout in zip(writers, _FORMATS, strict=True):
        writer.close()
        (folder / f".{stem}.{layout}").rename(folder / f"{stem}.{layout}")
    return stem


def _format(log: LogConfig) -> str:
    if log.simulator is not None:
        return "simulator"
    if log.source is not None:
        return log.source.partition(":")[0]
    return "parquet" if "parquet" in f"{log.format} {log.files}" else "csv"
