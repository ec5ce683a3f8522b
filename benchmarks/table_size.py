"""Whether a training step costs the same whatever the size of the item table.

A step of TWIN reads and updates the rows that its batch names, so a table of 1,000,000 rows should
cost what one of 10,000 does, but for the cache that it no longer fits in: ids are uniform, each row
read far from the last. Steps of both are measured in turn, in one process, on batches of one shape.

    python benchmarks/table_size.py --json OUT
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from models.memory import peak_memory_mib
from pipeline import result_file
from pipeline.bench.synthetic import feature_sizes, steps_of, synthetic_batch
from pipeline.config import Config, load

ROWS = (10_000, 1_000_000)
USERS, TARGETS, LENGTH = 16, 64, 200
BATCHES = 8  # different ones in turn
ROUNDS = 60
BAR = 1.3  # the larger table's step may take so many times the smaller's


def step_of(config: Config, rows: int) -> Callable[[int], float]:
    """Returns a function that trains on batch i and returns the seconds that it took."""
    sizes = dataclasses.replace(feature_sizes(config, ROWS[0]), item=rows)
    steps = steps_of(config, sizes, config.training.jit_compile)
    batches = [synthetic_batch(sizes, USERS, TARGETS, LENGTH, seed) for seed in range(BATCHES)]

    def train(number: int) -> float:
        started = time.perf_counter()
        float(steps.train(batches[number % BATCHES])[0])
        return time.perf_counter() - started

    return train


def main() -> None:
    """Measures both tables; prints and writes their rows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--json", type=Path, metavar="OUT", help="file for the figures")
    parsed = parser.parse_args()
    result_file.check_writable(parsed.json)
    config = load("demo", ["model.name=twin", "model.item_dim=64"])
    steps = {rows: step_of(config, rows) for rows in ROWS}
    seconds = {rows: [] for rows in ROWS}
    for number in range(-BATCHES, ROUNDS):  # the first pass warms up
        for rows, train in steps.items():
            taken = train(number)
            if number >= 0:
                seconds[rows].append(taken)
    medians = {rows: statistics.median(taken) for rows, taken in seconds.items()}
    measured = [
        {
            "model": config.model.name,
            "items": rows,
            "item_dim": config.model.item_dim,
            "users": USERS,
            "targets": TARGETS,
            "length": LENGTH,
            "steps": ROUNDS,
            "milliseconds": medians[rows] * 1e3,
            "targets_per_second": USERS * TARGETS / medians[rows],
            "ratio": medians[rows] / medians[ROWS[0]],
            "bar": BAR,
            "peak_memory_mib": peak_memory_mib(),  # of both tables together
        }
        for rows in ROWS
    ]
    print(json.dumps(measured, indent=2))
    if parsed.json:
        result_file.write(parsed.json, config, measured)


if __name__ == "__main__":
    main()
