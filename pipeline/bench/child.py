"""Measuring in a process of its own, whose peak memory is that of what was measured alone."""

from __future__ import annotations

import importlib
import json
import logging
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class ChildFailed(RuntimeError):
    """A measuring process ended without a result; the message says how, and where its log is."""


def in_child(function: str, argument: Mapping[str, Any], log: Path) -> dict[str, Any]:
    """Returns what `function` returns, called in a fresh Python process.

    Args:
      function: "package.module:name", of one dictionary, to a dictionary; both pass as JSON.
      argument: what it is called with.
      log: file that takes all that the process prints, after what is in it already.

    Raises:
      ChildFailed: if the process does not end with a result.
    """
    with tempfile.TemporaryDirectory(prefix="everlong-bench-") as folder, log.open("ab") as output:
        result = Path(folder) / "result.json"
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.bench.child", function, str(result)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            process.communicate(json.dumps(argument).encode())
        finally:
            process.kill()
            process.wait()
        if process.returncode == 0:
            return json.loads(result.read_text(encoding="utf-8"))
    raise ChildFailed(f"{_how(process.returncode, log)}; the whole story is in {log}")


def _how(code: int, log: Path) -> str:
    if code == -9:
        return "the measuring process was killed, most likely for lack of memory"
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"the measuring process failed: {lines[-1] if lines else f'exit code {code}'}"


def _main(function: str, result: str) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    module, _, name = function.partition(":")
    measured = getattr(importlib.import_module(module), name)(json.load(sys.stdin))
    Path(result).write_text(json.dumps(measured), encoding="utf-8")


if __name__ == "__main__":
    try:
        _main(*sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
