"""Kills a run again and again, wherever it is, and sees that what comes of it in the end is whole.

`python benchmarks/kills.py --config tests/e2e/tiny.yaml --kills 30 --json OUT`. A run is killed
after a random while (SIGKILL, with all that it started) and given again, until one ends by itself;
then another folder is begun. Each must give the metrics of a run that nobody killed, one pushed
version that loads, and nothing half-written beside it.
"""

from __future__ import annotations

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


def run(config: str, output: Path, seconds: float | None) -> tuple[int | None, str]:
    """Runs the pipeline, and kills it after `seconds`; its exit code, None if it was killed."""
    command = [sys.executable, "-m", "pipeline", "run", "--config", config]
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(
            [*command, "--output-dir", str(output)],
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code: int | None = process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            code = None
        printed.seek(0)
        return code, printed.read().decode(errors="replace")


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
    parser.add_argument("--kills", type=int, default=30, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--json", type=Path, metavar="OUT", help="file for the figures")
    parsed = parser.parse_args()
    result_file.check_writable(parsed.json)
    draw = random.Random(parsed.seed)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="everlong-kills-") as folder:
        begin = time.monotonic()
        code, printed = run(parsed.config, Path(folder) / "whole", None)
        whole = time.monotonic() - begin
        if code != 0:
            sys.exit(f"the run that nobody kills ended with {code}:\n{printed}")
        summary = (Path(folder) / "whole" / "summary.json").read_text(encoding="utf-8")
        wanted = json.loads(summary)["metrics"]
        killed = 0
        while killed < parsed.kills:
            output, where = Path(folder) / str(len(rows)), collections.Counter()
            while True:
                last = killed == parsed.kills
                code, printed = run(parsed.config, output, None if last else draw.uniform(5, whole))
                if code is not None:
                    break
                killed += 1
                where[(NODE.findall(printed) or ["before the first component"])[-1]] += 1
            wrong = faults(output, wanted) if code == 0 else [f"exit code {code}: {printed[-500:]}"]
            rows.append({"kills": sum(where.values()), "in": dict(where), "faults": wrong})
            print(json.dumps(rows[-1]), flush=True)
    if parsed.json:
        result_file.write(parsed.json, load(parsed.config), rows)
    return int(any(row["faults"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
