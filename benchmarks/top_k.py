"""Which way to find the K best is faster: bisection and bitmaps, or TensorFlow's heap.

A search that knows its shapes (training) takes `choose`, any other (serving) `tf.math.top_k`. Both
choose the same behaviours of the same scores here, in turn, in one process. The other kind of CPU:

    python benchmarks/top_k.py --json OUT
    XLA_FLAGS=--xla_cpu_max_isa=AVX2 ONEDNN_MAX_CPU_ISA=AVX2 python benchmarks/top_k.py --json OUT
"""

from __future__ import annotations

import components  # noqa: F401  # it sets the environment of libraries, before they are imported

# isort: split
import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from models.layers import Window
from models.layers.search import best
from pipeline import result_file
from pipeline.config import load

COUNT = 50  # K
SHAPES = ((16, 64, 200), (8, 64, 1_000), (4, 64, 10_000), (1, 128, 100_000))  # [B, T, L]
HASH_BITS = 32
ROUNDS = 15
SECONDS = 0.2  # of each way in each round, about


def searches(shape: tuple[int, int, int], integer_scores: bool) -> dict[str, Callable]:
    """Returns the two ways, each a function of scores and edges of windows."""

    def search(scores: tf.Tensor, first: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        return best(scores, Window(first, stop), COUNT, integer_scores).positions

    def program(*shapes: list[int | None]) -> Callable:
        kinds = (tf.float32, tf.int32, tf.int32)
        specs = [tf.TensorSpec(s, kind) for s, kind in zip(shapes, kinds, strict=True)]
        return tf.function(search, input_signature=specs)

    unknown = [None] * 3, [None] * 2, [None] * 2
    return {"choose": program(shape, shape[:2], shape[:2]), "top_k": program(*unknown)}


def draw(shape: tuple[int, int, int], integer_scores: bool) -> tuple[tf.Tensor, ...]:
    """Returns scores and windows of random prefixes, as targets of a history see."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=shape).astype(np.float32)
    if integer_scores:
        scores = np.round(scores * HASH_BITS**0.5)
    first = rng.integers(0, shape[2] // 4, shape[:2]).astype(np.int32)
    return tf.constant(scores), tf.constant(first), tf.fill(first.shape, shape[2])


def measure(shape: tuple[int, int, int], integer_scores: bool) -> list[dict[str, object]]:
    """Returns a row for each way."""
    ways, arguments = searches(shape, integer_scores), draw(shape, integer_scores)
    found = {name: way(*arguments).numpy() for name, way in ways.items()}
    for positions in found.values():
        np.testing.assert_array_equal(positions, found["choose"])

    def seconds(way: Callable, times: int) -> float:
        started = time.perf_counter()
        for _ in range(times):
            way(*arguments).numpy()
        return (time.perf_counter() - started) / times

    times = {name: max(1, int(SECONDS / seconds(way, 2))) for name, way in ways.items()}
    rounds = [{n: seconds(way, times[n]) for n, way in ways.items()} for _ in range(ROUNDS)]
    return [
        {
            "way": name,
            "scores": "integer" if integer_scores else "float",
            "users": shape[0],
            "targets": shape[1],
            "length": shape[2],
            "top_k": COUNT,
            "xla_flags": os.environ.get("XLA_FLAGS", ""),
            "milliseconds": statistics.median(r[name] for r in rounds) * 1e3,
            "ratio": statistics.median(r[name] / r["choose"] for r in rounds),
        }
        for name in ways
    ]


def main() -> None:
    """Measures both ways for floats and whole numbers; prints and writes their rows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--json", type=Path, metavar="OUT", help="file for the figures")
    parsed = parser.parse_args()
    result_file.check_writable(parsed.json)
    measured = [row for shape in SHAPES for kind in (False, True) for row in measure(shape, kind)]
    print(json.dumps(measured, indent=2))
    if parsed.json:
        result_file.write(parsed.json, load("demo"), measured)


if __name__ == "__main__":
    main()
