"""Kills a run again and again, in every component, and sees that what comes of it is whole.

`python benchmarks/kills.py --config tests/e2e/tiny.yaml --rounds 3 --json OUT`. In each round a
folder's run is killed (SIGKILL, with all that it started) in its first component, given again,
killed in its second, and so on; what then comes to its end must give the metrics of a run that
nobody killed, one pushed version that loads, and nothing half-written beside it.
"""

from __future__ import annotations

import components  # noqa: F401  # it sets the environment of libraries, before they are imported

# isort: split
import argparse
import collections
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import tensorflow as tf

from pipeline import result_file
from pipeline.config import load

NODE = re.compile(r"^\[ *\d+/\d+\] (\w+)", re.M)


def run(
    config: str, output: Path, component: str | None = None, seconds: float = 0
) -> tuple[int | None, str]:
    """Runs the pipeline, and kills it `seconds` after it comes to a component.

    Returns:
      Its exit code, None if it was killed, and what it printed.
    """
    command = [sys.executable, "-m", "pipeline", "run", "--config", config]
    with tempfile.NamedTemporaryFile() as printed:
        process = subprocess.Popen(
            [*command, "--output-dir", str(output)],
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

        def reached() -> bool:
            text = Path(printed.name).read_text(encoding="utf-8", errors="replace")
            return component in NODE.findall(text)

        while process.poll() is None and not reached():
            time.sleep(0.01)
        try:
            code: int | None = process.wait(seconds if component else None)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            code = None
        return code, Path(printed.name).read_text(encoding="utf-8", errors="replace")


def faults(output: Path, wanted: dict[str, Any]) -> list[str]:
    """What is wrong with the folder of a run that came to its end."""
    summary = json.loads((output / "summary.json").read_text(encoding="utf-8"))
    found = []
    if summary["metrics"] != wanted:
        found.append(f"metrics {summary['metrics']} instead of {wanted}")
    versions = list((output / "serving").iterdir())
    if len(versions) != 1:
        found.append(f"{[path.name for path in versions]} in serving/ instead of one version")
    for version in versions:
        tf.saved_model.load(str(version))
    return found


def main() -> int:
    """Kills as often as asked, prints where and what came of it; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--config", required=True, metavar="FILE")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--json", type=Path, metavar="OUT", help="file for the figures")
    parsed = parser.parse_args()
    result_file.check_writable(parsed.json)
    draw = random.Random(parsed.seed)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="everlong-kills-") as folder:
        code, printed = run(parsed.config, Path(folder) / "whole")
        if code != 0:
            sys.exit(f"the run that nobody kills ended with {code}:\n{printed}")
        whole = json.loads((Path(folder) / "whole" / "summary.json").read_text(encoding="utf-8"))
        for number in range(parsed.rounds):
            output, where = Path(folder) / str(number), collections.Counter()
            for component in NODE.findall(printed):
                seconds = draw.uniform(0, whole["seconds"][component])
                code, told = run(parsed.config, output, component, seconds)
                if code is None:
                    where[NODE.findall(told)[-1]] += 1
            code, told = run(parsed.config, output)
            wrong = faults(output, whole["metrics"]) if code == 0 else [f"{code}: {told[-500:]}"]
            rows.append({"kills": sum(where.values()), "in": dict(where), "faults": wrong})
            print(json.dumps(rows[-1]), flush=True)
    if parsed.json:
        result_file.write(parsed.json, load(parsed.config), rows)
    return int(any(row["faults"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
