"""`everlong bench models`: a model's training step on random batches of an exact shape.

Forward, backward and update of --users x --length behaviours and --targets targets, without an
input pipeline: it serves for lengths that no log at hand reaches. Each row is measured in a process
of its own, so that its peak memory is that model's.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import Any

from models.config import MODELS
from models.memory import peak_memory_mib
from pipeline.bench import arguments, runs

SUMMARY = "the training step of a model on random batches of an exact shape"
LENGTHS = [200, 1_000, 10_000, 100_000]
COLUMNS = {
    "model": "model",
    "length": "L",
    "users": "B",
    "targets": "T",
    "milliseconds": "ms/step",
    "targets_per_second": "targets/s",
    "peak_memory_mib": "peak MiB",
    "compile_seconds": "compile s",
}
SECONDS = 5.0  # that a round measures, at least
LEAST_STEPS = 5
WARM_UP = 2
BATCHES = 4  # different ones in turn, so that no cache holds a batch's rows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_measured(parser, MODELS, "200 1000 10000 100000", rounds=1)
    arguments.add_synthetic(parser, users=1, targets=64)


def execute(parsed: argparse.Namespace) -> int:
    options = arguments.synthetic_options(parsed)
    jobs = [
        runs.Job(arguments.with_length(config, length), length, options)
        for length in parsed.lengths or LENGTHS
        for config in arguments.configs(parsed)
    ]
    return runs.execute(parsed, "pipeline.bench.models:measure", jobs, parsed.rounds, COLUMNS)


def measure(job: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the row of one model and length; called in a process of its own."""
    from pipeline.bench import hlo
    from pipeline.bench.synthetic import feature_sizes, steps_of, synthetic_batch

    config = runs.config_of(job)
    users, targets, length = job["users"], job["targets"], job["length"]
    sizes = feature_sizes(config, job["items"])
    steps = steps_of(config, sizes, job["jit"])
    batches = [
        synthetic_batch(sizes, users, targets, length, config.seed + number)
        for number in range(BATCHES)
    ]
    started = time.monotonic()
    float(steps.train(batches[0])[0])
    compile_seconds = time.monotonic() - started
    for batch in batches[:WARM_UP]:
        float(steps.train(batch)[0])
    done, started = 0, time.monotonic()
    while done < LEAST_STEPS or time.monotonic() - started < SECONDS:
        float(steps.train(batches[done % BATCHES])[0])
        done += 1
    seconds = (time.monotonic() - started) / done
    memory = peak_memory_mib()
    if job["hlo"]:
        hlo.export(steps.train, batches[0], runs.hlo_path(job, "train"))
    return {
        "model": config.model.name,
        "length": length,
        "users": users,
        "targets": targets,
        "items": job["items"],
        "jit": steps.jit_compile,
        "milliseconds": seconds * 1e3,
        "targets_per_second": users * targets / seconds,
        "steps": done,
        "programs": steps.programs,
        "compile_seconds": compile_seconds,
        "peak_memory_mib": memory,
    }
