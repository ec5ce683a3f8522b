"""What it costs to evaluate 100,000 targets with histories of 1,000 behaviours.

Runs the demo's pipeline twice on a larger simulated log: the first model is judged alone, the
second against the first. Measured is the Evaluator: scoring, TFMA's metrics and slices, paired
intervals from 1,000 replicas, and the verdict.

    python benchmarks/evaluation.py --json OUT
"""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

from models.memory import peak_memory_mib
from pipeline import result_file
from pipeline.config import Config, load
from pipeline.terminal.console import Terminal, quiet

USERS, TARGETS, LENGTH = 5_000, 20, 1_000
STEPS = 60  # of training: how good a model is does not change what judging it costs
BAR = 180  # seconds


def configured(users: int, seed: int) -> Config:
    """The demo with `TARGETS` eval targets of each user, whose model depends on `seed`."""
    overrides = {
        "log.simulator.users": users,
        "log.simulator.median_history": 1_200,
        "log.simulator.max_history": 1_400,
        "log.simulator.targets_per_user": 2 * TARGETS,
        "history.max_length": LENGTH,
        "split.eval": 0.5,
        "training.max_steps": STEPS,
        "gate": {"min_auc": 0, "calibration": None},  # the first is blessed, whatever it learned
        "seed": seed,
    }
    return load("demo", [f"{key}={json.dumps(value)}" for key, value in overrides.items()])


def measure(config: Config, output: Path, terminal: Terminal, models: int) -> dict[str, Any]:
    """Runs the pipeline and returns the row of its Evaluator, which scores so many models."""
    from pipeline import local_runner

    summary = local_runner.run(config, output, terminal)
    if models == 1 and not summary["blessed"]:
        raise RuntimeError(f"nothing to compare with: {summary['verdict']}")
    targets, seconds = summary["examples"]["eval"], summary["seconds"]["Evaluator"]
    return {
        "models": models,
        "model": config.model.name,
        "targets": targets,
        "length": LENGTH,
        "slices": len(config.gate.slices),
        "replicas": 1_000,
        "seconds": seconds,
        "targets_per_second": models * targets / seconds,
        "bar": BAR,
        "peak_memory_mib": peak_memory_mib(),  # of the whole pipeline so far
    }


def main() -> None:
    """Measures one model alone and one against another; prints and writes their rows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--users", type=int, default=USERS, metavar="N", help="of 20 targets each")
    parser.add_argument("--json", type=Path, metavar="OUT", help="file for the figures")
    parsed = parser.parse_args()
    result_file.check_writable(parsed.json)
    with contextlib.ExitStack() as stack:
        output = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="everlong-eval-")))
        terminal = stack.enter_context(quiet(output / "log.txt"))
        configs = [configured(parsed.users, seed) for seed in (7, 8)]
        rows = [
            measure(config, output, terminal, models) for models, config in enumerate(configs, 1)
        ]
        terminal.line(json.dumps(rows, indent=2))
    if parsed.json:
        result_file.write(parsed.json, configs[0], rows)


if __name__ == "__main__":
    main()
