"""`everlong bench gsu`: retrieval alone, against the bare minimum that it could take.

A request is one user of --length behaviours and --targets candidates, from ids to the K behaviours
that each candidate reads: embedding, queries, scores, top-k. In the same process and the same
rounds are measured: the bare product (or comparison) of its scores and a plain top-k, with
everything embedded and projected beforehand; the memory bandwidth of a streaming read and of
random rows of the item table.

`of_bare` is request over bare: 1 would be free embedding and masks. `of_bandwidth` is the share of
the random-row limit that a request reaches, its only floor for few targets; with many, it computes.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.bench import arguments, runs
from pipeline.bench.child import peak_memory_mib

SUMMARY = "retrieval alone, against its bare product and top-k and the memory bandwidth"
LENGTHS = [200, 1_000, 10_000, 100_000]
MODELS = ("dare", "eta", "mirrn", "sim_hard", "sim_soft", "twin")
COLUMNS = {
    "model": "model",
    "length": "L",
    "targets": "T",
    "milliseconds": "ms/request",
    "spread": "+-",
    "targets_per_second": "targets/s",
    "bare_milliseconds": "bare ms",
    "of_bare": "of bare",
    "floor_milliseconds": "floor ms",
    "of_bandwidth": "of bandwidth",
    "peak_memory_mib": "peak MiB",
}
REPETITIONS = 5  # in a row, in each round
WARM_UP = 3

log = logging.getLogger("everlong")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_measured(parser, MODELS, "200 1000 10000 100000", rounds=11)
    arguments.add_synthetic(parser, users=1, targets=128)


def execute(parsed: argparse.Namespace) -> int:
    options = arguments.synthetic_options(parsed) | {"rounds": parsed.rounds}
    jobs = [
        runs.Job(config, length, options)
        for length in parsed.lengths or LENGTHS
        for config in arguments.configs(parsed, MODELS)
    ]
    return runs.execute(parsed, "pipeline.bench.gsu:measure", jobs, rounds=1, columns=COLUMNS)


def measure(job: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the row of one model and length; called in a process of its own."""
    import tensorflow as tf

    from models.registry import build_model
    from models.steps import has_gpu
    from models.view import View
    from pipeline.bench import bandwidth, bare, hlo
    from pipeline.bench.synthetic import feature_sizes, synthetic_batch

    config, length = runs.config_of(job), job["length"]
    sizes = feature_sizes(config, job["items"])
    model = build_model(config.model, sizes, config.seed)
    batch = synthetic_batch(sizes, job["users"], job["targets"], length, config.seed)
    jit = {"auto": has_gpu(), "on": True, "off": False}[job["jit"]]

    def retrieve(batch):
        view = View.of(batch, model.embedding, model.long_term.least)
        return model.long_term.retrieve(view)

    program = tf.function(retrieve, jit_compile=jit, autograph=False)
    request = lambda: program(batch)  # noqa: E731
    started = time.monotonic()
    _wait(request())
    compile_seconds = time.monotonic() - started
    memory = peak_memory_mib()

    minimum = bare.minimum(config.model, model, job["users"], job["targets"], length)
    table = model.embedding_variables[0]
    stream, stream_bytes = bandwidth.streaming_read(config.seed)
    gathers, gather_bytes = bandwidth.random_rows(table, config.seed)
    measured = _rounds({"request": request, "bare": minimum, "stream": stream} | gathers, job)

    seconds = statistics.median(measured["request"])
    bare_seconds = statistics.median(measured["bare"])
    random = gather_bytes / min(statistics.median(measured[way]) for way in gathers)
    rows = job["users"] * max(length, model.long_term.least)
    floor = rows * model.embedding.behavior_dim * 4 / random
    if job["hlo"]:
        hlo.export(retrieve, batch, runs.hlo_path(job, "gsu"))
    targets = job["users"] * job["targets"]
    return {
        "model": config.model.name,
        "length": length,
        "users": job["users"],
        "targets": job["targets"],
        "retrieve": config.model.retrieve,
        "items": job["items"],
        "jit": jit,
        "milliseconds": seconds * 1e3,
        "spread": (max(measured["request"]) - min(measured["request"])) / 2 * 1e3,
        "targets_per_second": targets / seconds,
        "bare_milliseconds": bare_seconds * 1e3,
        "of_bare": statistics.median(
            a / b for a, b in zip(measured["request"], measured["bare"], strict=True)
        ),
        "floor_milliseconds": floor * 1e3,
        "of_bandwidth": floor / seconds,
        "streaming_gb_per_second": stream_bytes / statistics.median(measured["stream"]) / 1e9,
        "random_rows_gb_per_second": random / 1e9,
        "row_bytes": table.shape[1] * 4,
        "compile_seconds": compile_seconds,
        "peak_memory_mib": memory,
        "seconds_by_round": measured,
    }


def _rounds(
    functions: Mapping[str, Callable[[], Any]], job: Mapping[str, Any]
) -> dict[str, list[float]]:
    """Returns the seconds of a call of each function, round by round, all in turn."""
    for function in functions.values():
        for _ in range(WARM_UP):
            _wait(function())
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(job["rounds"]):
        for name, function in functions.items():
            started = time.perf_counter()
            for _ in range(REPETITIONS):
                _wait(function())
            seconds[name].append((time.perf_counter() - started) / REPETITIONS)
    return seconds


def _wait(result: Any) -> None:
    """Waits until a result is there: on a GPU, and in XLA's programs, calls return before."""
    import tensorflow as tf

    for tensor in tf.nest.flatten(result):
        tf.reshape(tensor, [-1])[0].numpy()
