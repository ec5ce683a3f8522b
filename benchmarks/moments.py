"""MIRRN's training step where targets come in lists, with moments told and not, in one process.

What its local and global query find is the same for all targets of a list (`models/moments.py`).
Batches are those of `everlong bench models`, of lists of one length, each at a time of its own.

    python benchmarks/moments.py --config movielens_1m --set model.name=mirrn --json OUT
"""

from __future__ import annotations

import components  # noqa: F401  # it sets the environment of libraries, before they are imported

# isort: split
import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from models import features, moments
from models.steps import Batch
from pipeline import result_file
from pipeline.arguments import add_config
from pipeline.bench.arguments import with_length
from pipeline.bench.synthetic import feature_sizes, steps_of, synthetic_batch
from pipeline.bench.turns import in_turn
from pipeline.config import Config, load
from pipeline.terminal.console import quiet

COLUMNS = {
    "list": "targets a list",
    "milliseconds": "ms/step",
    "told_milliseconds": "told",
    "ratio": "ratio",
}
USERS, TARGETS = 16, 64
BATCHES = 3  # different ones in turn, so that no cache holds a batch's rows


def measure(config: Config, lists: list[int], parsed: argparse.Namespace) -> list[dict[str, Any]]:
    sizes = feature_sizes(config, parsed.items)
    steps = steps_of(config, sizes)

    def batch(length: int, seed: int) -> Batch:
        found = synthetic_batch(sizes, USERS, TARGETS, parsed.length, seed)
        later = tf.constant(np.arange(TARGETS) // length, tf.int64)
        return found | {features.TARGET_TIME: found[features.TARGET_TIME] + later}

    def trainer(batches: list[Batch]) -> Callable[[int], float]:
        return lambda number: float(steps.train(batches[number % BATCHES])[0])

    rows = []
    for length in lists:
        plain = [batch(length, number) for number in range(BATCHES)]
        told = [one | moments.of_batch(one, -(-TARGETS // length)) for one in plain]
        wall = in_turn([trainer(plain), trainer(told)], parsed.rounds, BATCHES)[0]
        apart, together = np.median(wall, -1) * 1e3
        rows.append(
            {
                "model": config.model.name,
                "length": parsed.length,
                "users": USERS,
                "targets": TARGETS,
                "list": length,
                "milliseconds": apart,
                "told_milliseconds": together,
                "ratio": np.median(wall[1] / wall[0]),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    add_config(parser)
    parser.add_argument("--list", type=int, action="append", dest="lists", help="targets of a list")
    parser.add_argument("--length", type=int, default=200)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, required=True, metavar="OUT")
    parsed = parser.parse_args()
    result_file.check_writable(parsed.json)
    config = with_length(load(parsed.config, parsed.overrides), parsed.length)
    with quiet(Path(os.devnull)) as terminal:
        rows = measure(config, parsed.lists or [1, 2, 6, 16], parsed)
        terminal.line(result_file.table(rows, COLUMNS))
    result_file.write(parsed.json, config, rows)


if __name__ == "__main__":
    main()
