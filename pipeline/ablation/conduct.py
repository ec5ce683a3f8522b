"""Conducts a study: prepares its data, trains its runs, and computes what they show."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from pipeline.ablation.data import Prepared, prepare
from pipeline.ablation.job import Job, Result
from pipeline.ablation.outcome import Row, summarize
from pipeline.ablation.runs import Workers
from pipeline.ablation.study import DATA, Case
from pipeline.config import Config
from pipeline.fingerprints import code
from pipeline.pipeline import trainer_config
from pipeline.terminal.console import Terminal


def conduct(
    cases: Sequence[Case], seeds: Sequence[int], output: Path, workers: Workers, terminal: Terminal
) -> list[Row]:
    """Trains every case with every seed and returns the rows, in the order of the cases.

    Args:
      cases: of the study.
      seeds: of initial weights, shuffling and dropout; the data stay the same.
      output: `data` below it holds the data sets, shared by all studies.
      workers: trains.
      terminal: where progress goes.

    Raises:
      ComponentFailed: if the data cannot be prepared.
      InputError: if compared data sets do not evaluate the same targets.
    """
    data: dict[str, Prepared] = {}
    for case in cases:
        if case.data not in data:
            terminal.line(f"data{f' {case.data}' if case.data else ''}:")
            settings = case.config.ingest.model_dump_json()
            folder = hashlib.sha256(settings.encode()).hexdigest()[:12]
            data[case.data] = prepare(case.config, output / DATA / folder, terminal)
    # Once for all: somebody may edit the source while the study runs.
    source = code("pipeline.ablation.worker")
    jobs = {
        (case.data, case.variant, seed): job_of(
            case.name, case.config, seed, data[case.data], source
        )
        for case in cases
        for seed in seeds
    }
    results, failures = workers.run(list(jobs.values()))
    runs: dict[tuple[str, str], dict[int, Result | str]] = {}
    for (name, variant, seed), job in jobs.items():
        found = results.get(job.key) or failures[job.key]
        runs.setdefault((name, variant), {})[seed] = found
    with terminal.running("drawing intervals"):
        return summarize(cases, runs, {n: prepared.read_targets() for n, prepared in data.items()})


def job_of(name: str, config: Config, seed: int, data: Prepared, source: str) -> Job:
    """Returns the run of a configuration with a seed.

    Args:
      name: of the configuration, among others.
      config: whose own seed is no matter.
      seed: of the run.
      data: what it trains on and is judged by.
      source: digest of the code that runs.
    """
    config = config.model_copy(update={"seed": seed})
    return Job(
        name=f"{name}, seed {seed}",
        data_key=data.key,
        transform=data.transform,
        examples=data.examples,
        evaluation=data.evaluation,
        frozen=data.frozen if Path(data.frozen).exists() else "",
        settings=trainer_config(config, checkpoints="")["config"],
        code=source,
    )
