"""The results of a benchmark: rows for people, and for files with all that made them."""

from __future__ import annotations

import datetime
import json
import os
import platform
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.errors import InputError
from components.versions import versions
from pipeline.config import Config

Row = Mapping[str, Any]


def check_writable(path: Path | None) -> None:
    """Refuses a `--json` that could not be written, before anything is measured.

    Raises:
      InputError: as `check_output`.
    """
    check_output("--json", path)


def write(path: Path, config: Config | None, rows: Sequence[Row]) -> None:
    """Writes rows with the command, configuration, seed, versions and machine behind them.

    The file appears whole or not at all.

    Args:
      path: of the file.
      config: that was measured; None: the measured models were made by others.
      rows: what was measured.
    """
    made_by = config and {
        "seed": config.seed,
        "config_hash": config.hash,
        "config": config.model_dump(mode="json"),
    }
    result = {
        "command": command(sys.argv),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **(made_by or {}),
        "versions": versions(),
        "machine": machine(),
        "rows": rows,
    }
    write_atomically(path, json.dumps(result, indent=2) + "\n")


def command(arguments: Sequence[str]) -> str:
    """What to type to do this again: `everlong …`, or a script of `benchmarks/`.

    Args:
      arguments: `sys.argv`.
    """
    script = Path(arguments[0])
    program = ["python", f"benchmarks/{script.name}"]
    return shlex.join([*(program if script.parent.name == "benchmarks" else ["everlong"]),
                       *arguments[1:]])  # fmt: skip


def machine() -> dict[str, Any]:
    """Returns the cores that this process may use, their name, and the memory in GiB."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": names[0] if names else platform.machine(),
        "memory_gib": round(memory / 2**30, 1),
    }


def table(rows: Sequence[Row], columns: Mapping[str, str]) -> str:
    """Returns rows as aligned text.

    Args:
      rows: a missing value, or None, is shown as "-".
      columns: heading by name, in the order in which they are shown.
    """
    lines = [list(columns.values())]
    lines += [[_text(row.get(name)) for name in columns] for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    texts = [isinstance(rows[0].get(name), str) for name in columns]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if is_text else cell.rjust(width)
            for cell, width, is_text in zip(line, widths, texts, strict=True)
        ).rstrip()
        for line in lines
    )


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def write_atomically(path: Path, text: str) -> None:
    """Writes aside and renames, so that a reader never meets half a file."""
    aside = aside_of(path)
    try:
        aside.write_text(text, encoding="utf-8")
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def aside_of(path: Path) -> Path:
    """Where this process writes a file before it appears, whole; another one writes elsewhere."""
    return path.with_name(f".{path.name}.{os.getpid()}")


def check_output(flag: str, path: Path | None, suffix: str = "") -> None:
    """Refuses a file that cannot be written, before anything long begins.

    Args:
      flag: that the file was given with.
      path: of the file, one that exists is replaced; None: none is wanted.
      suffix: that its name must have, such as ".html"; empty: any.

    Raises:
      InputError: naming the file.
    """
    if path is None:
        return
    try:
        folder = path.resolve().parent
        faults = {
            "is a folder; ": path.is_dir(),
            f"there is no folder {folder}; ": not folder.is_dir(),
            "": path.suffix != (suffix or path.suffix),
        }
    except (OSError, RuntimeError, ValueError) as error:  # such as a name that is too long
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{flag} {str(path)[:100]}: cannot be written: {reason}") from None
    for fault, applies in faults.items():
        if applies:
            raise InputError(f"{flag} {path}: {fault}must be FILE{suffix} in a folder that exists")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"{flag} {path}: {folder} cannot be written: {error.strerror}") from None
