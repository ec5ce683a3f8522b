"""Exported models that answer the same kind of request in turn: what a change of the graph costs.

Other work on the machine meets all of them alike. CPU time is that of all threads. Operations are
those that a trace of one request shows, small ones and constants included, as `everlong serve` and
TensorFlow Serving run them: of a graph that TensorFlow has optimized.

    python benchmarks/in_turn.py --model BEFORE --model AFTER --length 10000 --targets 1 --json OUT
"""

from __future__ import annotations

import components  # noqa: F401  # it sets the environment of libraries, before they are imported

# isort: split
import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import result_file
from pipeline.bench.serve import WARM_UP, draw, in_process
from pipeline.bench.trace import operations
from pipeline.bench.turns import in_turn
from pipeline.terminal.console import quiet

COLUMNS = {
    "model": "model",
    "optimized": "optimized",
    "p50_ms": "p50 ms",
    "cpu_ms": "CPU ms",
    "operations": "operations",
}


def measure(parsed: argparse.Namespace) -> list[dict[str, Any]]:
    from pipeline.serve.rank import newest

    folders = [(folder, True) for folder in parsed.models]
    folders += [(folder, False) for folder in parsed.plain]
    models = [newest(folder, optimized) for folder, optimized in folders]
    shape = parsed.length, parsed.targets
    answers = [in_process(model, *shape) for model in models]
    spans = in_turn(answers, parsed.requests, WARM_UP)
    p50, cpu = np.median(spans, -1) * 1e3
    return [
        {
            "model": str(folder),
            "optimized": optimized,
            "length": parsed.length,
            "targets": parsed.targets,
            "requests": parsed.requests,
            "p50_ms": float(p50[place]),
            "cpu_ms": float(cpu[place]),
            "operations": len(operations(models[place], draw(models[place], *shape)[0])),
        }
        for place, (folder, optimized) in enumerate(folders)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--model", action="append", required=True, dest="models", type=Path)
    parser.add_argument(
        "--plain", action="append", default=[], type=Path, help="its graph is left as it is"
    )
    parser.add_argument("--length", type=int, default=10_000)
    parser.add_argument("--targets", type=int, default=1)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--json", type=Path, required=True, metavar="OUT")
    parsed = parser.parse_args()
    result_file.check_writable(parsed.json)
    with quiet(Path(os.devnull)) as terminal:
        rows = measure(parsed)
        terminal.line(result_file.table(rows, COLUMNS))
    result_file.write(parsed.json, None, rows)


if __name__ == "__main__":
    main()
