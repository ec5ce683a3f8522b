"""`everlong bench gsu`: retrieval alone, against the bare minimum that it could take.

A request is --users users of --length behaviours and --targets candidates each, from ids to the K
behaviours that each candidate reads: embedding, queries, scores, top-k. Each is of other users, so
that no rows are found in a cache. In the same process and the same rounds are measured: the bare
product (or comparison) of its scores and a plain top-k, with everything embedded and projected
beforehand; the memory bandwidth of a streaming read and of random rows of the embedding tables.

`of_bare` is request over bare: below 1, the search beats a plain top-k by more than embedding and
masks cost. `floor` is the time that reading the rows of L behaviours takes at the bandwidth of
random rows, each table's own; `of_bandwidth` the share of it that a request reaches: a limit for
few targets, while with many the product weighs more. A lone request of few behaviours takes mostly
what TensorFlow needs to begin: --users says what a batch reaches.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from models.config import MODELS, RetrievalConfig
from models.memory import peak_memory_mib
from pipeline.bench import arguments, runs

if TYPE_CHECKING:
    import tensorflow as tf

    from models.base import CtrModel
    from models.config import ModelConfig

SUMMARY = "retrieval alone, against its bare product and top-k and the memory bandwidth"
LENGTHS = [200, 1_000, 10_000, 100_000]
SEARCHING = [name for name, section in MODELS.items() if issubclass(section, RetrievalConfig)]
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
REPETITIONS = 5  # in a row, in each round, after one that is not counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_measured(parser, SEARCHING, "200 1000 10000 100000", rounds=11)
    arguments.add_synthetic(parser, users=1, targets=128)


def execute(parsed: argparse.Namespace) -> int:
    options = arguments.synthetic_options(parsed) | {"rounds": parsed.rounds}
    jobs = [
        runs.Job(config, length, options)
        for length in parsed.lengths or LENGTHS
        for config in arguments.configs(parsed, SEARCHING)
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
    model.embed_all_items()  # as a served model has them
    long_term = model.long_term
    assert isinstance(config.model, RetrievalConfig), "only such are measured"
    assert long_term is not None, "it retrieves"
    batches = [
        synthetic_batch(sizes, job["users"], job["targets"], length, config.seed + request)
        for request in range(1 + REPETITIONS)
    ]
    jit = {"auto": has_gpu(), "on": True, "off": False}[job["jit"]]

    def retrieve(batch):
        view = View.of(batch, model.embedding, long_term.min_length)
        return long_term.retrieve(view)

    program = tf.function(retrieve, jit_compile=jit, autograph=False)
    requests = itertools.cycle(batches)
    request = lambda: program(next(requests))  # noqa: E731
    started = time.monotonic()
    _wait(request())
    compile_seconds = time.monotonic() - started
    memory = peak_memory_mib()

    minimum = bare.minimum(config.model, model, job["users"], job["targets"], length)
    stream, stream_bytes = bandwidth.streaming_read(config.seed)
    tables = _tables(config.model, model)
    ways = {
        (table.name, way): function
        for table in tables
        for way, function in bandwidth.random_rows(table, config.seed).items()
    }
    measured = _rounds({"request": request, "bare": minimum, "stream": stream} | ways, job)
    seconds, bare_seconds, stream_seconds = (
        statistics.median(measured[name]) for name in ("request", "bare", "stream")
    )
    rates = {  # rows per second, the fastest way for each table
        name: bandwidth.GATHERED_ROWS / min(statistics.median(measured[way]) for way in of_table)
        for name, of_table in itertools.groupby(ways, key=lambda way: way[0])
    }
    rows = job["users"] * max(length, long_term.min_length)
    floor = sum(rows / rate for rate in rates.values())
    if job["hlo"]:
        hlo.export(retrieve, batches[0], runs.hlo_path(job, "gsu"))
    targets = job["users"] * job["targets"]
    return {
        "model": config.model.name,
        "length": length,
        "users": job["users"],
        "targets": job["targets"],
        "top_k": config.model.top_k,
        "items": job["items"],
        "jit": jit,
        "milliseconds": seconds * 1e3,
        "spread": (max(measured["request"]) - min(measured["request"])) / 2 * 1e3,
        "targets_per_second": targets / seconds,
        "bare_milliseconds": bare_seconds * 1e3,
        "of_bare": statistics.median(
            a / b for a, b in zip(measured["request"], measured["bare"], strict=True)
        ),
        "floor_milliseconds": floor * 1e3 if tables else None,
        "of_bandwidth": floor / seconds if tables else None,
        "streaming_gb_per_second": stream_bytes / stream_seconds / 1e9,
        "random_rows_gb_per_second": {
            table.name: rates[table.name] * _row_bytes(table) / 1e9 for table in tables
        },
        "row_bytes": {table.name: _row_bytes(table) for table in tables},
        "compile_seconds": compile_seconds,
        "peak_memory_mib": memory,
        "seconds_by_round": {name: measured[name] for name in ("request", "bare", "stream")},
    }


def _tables(config: ModelConfig, model: CtrModel) -> list[tf.Variable]:
    """Returns the tables whose rows a retrieval reads; SIM-hard compares ids and reads none."""
    if config.name == "sim_hard":
        return []
    if config.name != "dare":
        return model.embedding.trainable_variables
    assert model.long_term is not None, "it retrieves"
    return model.long_term.attention_embedding.trainable_variables


def _row_bytes(table: tf.Variable) -> int:
    return table.shape[1] * table.dtype.size


def _rounds(
    functions: Mapping[Any, Callable[[], Any]], job: Mapping[str, Any]
) -> dict[Any, list[float]]:
    """Returns the seconds of a call of each function, round by round, all in turn."""
    seconds: dict[Any, list[float]] = {name: [] for name in functions}
    for _ in range(job["rounds"]):
        for name, function in functions.items():
            _wait(function())
            started = time.perf_counter()
            for _ in range(REPETITIONS):
                _wait(function())
            seconds[name].append((time.perf_counter() - started) / REPETITIONS)
    return seconds


def _wait(result: Any) -> None:
    """Waits until a result is there: on a GPU, and in XLA's programs, calls return before."""
    import tensorflow as tf

    for tensor in tf.nest.flatten(result):
        tensor.numpy()  # small, or small beside what it took; indexing it would take longer
