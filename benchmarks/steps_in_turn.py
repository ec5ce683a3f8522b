"""Training steps of several models in turn, in one process: for a machine with other work on it.

That work meets all of them alike, and CPU time, of all threads, tells more than wall time. Batches
are those of `everlong bench models`, of one user, without an input pipeline.

    python benchmarks/steps_in_turn.py --config movielens_1m --model twin --model twin_v2 \
        --length 10500 --json OUT
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

from pipeline import result_file
from pipeline.arguments import add_config
from pipeline.bench.arguments import with_length, with_model
from pipeline.bench.turns import in_turn
from pipeline.config import Config, load
from pipeline.terminal.console import quiet

COLUMNS = {
    "model": "model",
    "length": "L",
    "milliseconds": "ms/step",
    "cpu_milliseconds": "CPU ms/step",
    "cpu_ratio": "CPU, of the first's",
}
BATCHES = 3  # different ones in turn, so that no cache holds a batch's rows


def measure(configs: list[Config], parsed: argparse.Namespace) -> list[dict[str, Any]]:
    from models.steps import Steps
    from pipeline.bench.synthetic import feature_sizes, steps_of, synthetic_batch

    steps = []
    for config in configs:
        sizes = feature_sizes(config, parsed.items)
        steps.append(steps_of(config, sizes))
    batches = [
        synthetic_batch(sizes, 1, parsed.targets, parsed.length, number)
        for number in range(BATCHES)
    ]

    def trainer(step: Steps) -> Callable[[int], float]:
        return lambda number: float(step.train(batches[number % BATCHES])[0])

    spans = in_turn([trainer(step) for step in steps], parsed.rounds, BATCHES)
    wall, cpu = np.median(spans, -1) * 1e3
    ratio = np.median(spans[1] / spans[1, :1], -1)
    return [
        {
            "model": config.model.name,
            "length": parsed.length,
            "targets": parsed.targets,
            "items": parsed.items,
            "rounds": parsed.rounds,
            "milliseconds": wall[place],
            "cpu_milliseconds": cpu[place],
            "cpu_ratio": ratio[place],
        }
        for place, config in enumerate(configs)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    add_config(parser)
    parser.add_argument("--model", action="append", required=True, dest="models")
    parser.add_argument("--length", type=int, default=10_000)
    parser.add_argument("--targets", type=int, default=64)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", type=Path, required=True, metavar="OUT")
    parsed = parser.parse_args()
    result_file.check_writable(parsed.json)
    config = with_length(load(parsed.config, parsed.overrides), parsed.length)
    configs = [with_model(config, name) for name in parsed.models]
    with quiet(Path(os.devnull)) as terminal:
        rows = measure(configs, parsed)
        terminal.line(result_file.table(rows, COLUMNS))
    result_file.write(parsed.json, config, rows)


if __name__ == "__main__":
    main()
