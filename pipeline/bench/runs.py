"""What all benchmarks do alike: measure job after job, round after round, and tell."""

from __future__ import annotations

import argparse
import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline import result_file
from pipeline.bench.child import ChildFailed, in_child
from pipeline.config import Config
from pipeline.result_file import Row
from pipeline.terminal.console import quiet
from pipeline.terminal.exit_codes import DONE, FAILED


@dataclasses.dataclass(frozen=True)
class Job:
    """One row of a benchmark: a model's configuration, a length, and what else it takes."""

    config: Config
    length: int
    options: Mapping[str, Any]

    def argument(self) -> dict[str, Any]:
        """Returns the job as a process of its own is handed it; see `config_of`."""
        return {"config": self.config.model_dump_json(), "length": self.length, **self.options}


def config_of(argument: Mapping[str, Any]) -> Config:
    """Returns the configuration of a job's argument."""
    return Config.model_validate_json(argument["config"])


def hlo_path(argument: Mapping[str, Any], what: str) -> Path:
    """Returns where a job's program goes."""
    name = f"{what}_{config_of(argument).model.name}_{argument['length']}.npz"
    return Path(argument["hlo"]) / name


def execute(
    parsed: argparse.Namespace,
    function: str,
    jobs: Sequence[Job],
    rounds: int,
    columns: Mapping[str, str],
) -> int:
    """Measures all jobs, prints their table, writes their rows; returns the exit code.

    Args:
      parsed: the command line, with what `arguments.add_measured` adds.
      function: "package.module:name", which returns the row of a job's argument.
      jobs: one for each row.
      rounds: times that all jobs are measured, in turn.
      columns: of the table, headings by name.
    """
    result_file.check_writable(parsed.json)
    work = parsed.work_dir.resolve()
    with quiet(work / "log.txt") as terminal:
        measured: list[list[dict[str, Any]]] = [[] for _ in jobs]
        for number in range(rounds):
            for job, rows in zip(jobs, measured, strict=True):
                name = f"{job.config.model.name}, L = {job.length:,}"
                name += f", round {number + 1}/{rounds}" if rounds > 1 else ""
                try:
                    with terminal.running(f"measuring {name}"):
                        rows.append(in_child(function, job.argument(), work / "log.txt"))
                except ChildFailed as error:
                    terminal.line(f"everlong: {name}: {error}")
                    return FAILED
                terminal.line(f"{name}: {rows[-1]['targets_per_second']:,.0f} targets/s")
        rows = [over_rounds(of_job) for of_job in measured]
        terminal.line()
        terminal.line(result_file.table(rows, columns))
        if parsed.json:
            result_file.write(parsed.json, jobs[0].config, rows)
            terminal.line(f"written to {parsed.json}")
    return DONE


def over_rounds(rounds: Sequence[Row]) -> dict[str, Any]:
    """Returns one row of the rounds of one measurement.

    Numbers become their medians; what varies is kept round by round under `rounds`. Everything
    else is that of the first round.
    """
    row, varying = dict(rounds[0]), {}
    for name, first in rounds[0].items():
        values = [one[name] for one in rounds]
        if isinstance(first, float):
            row[name] = statistics.median(values)
            varying[name] = values
    return row | {"rounds": varying}
