"""How much memory this process has held."""

from __future__ import annotations

from pathlib import Path


def peak_memory_mib() -> float:
    """Returns the most memory that this process has held so far, in MiB.

    Not `ru_maxrss`: that begins with the size of the process that this one was forked from.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024
