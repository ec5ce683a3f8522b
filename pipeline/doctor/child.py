"""The libraries' probes in a process of their own: native code may end it, and prints much."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import IO

from pipeline.doctor.libraries import LIBRARIES
from pipeline.doctor.probe import FAILED, Finding, Probe, examine


def examine_apart(probes: Sequence[Probe] = LIBRARIES) -> Iterator[Finding]:
    """Yields what came of each probe, of `LIBRARIES` or some of these, as soon as it is known.

    Where the process ends before its time, that is the finding, and another goes on after it.
    """
    rest = list(probes)
    while rest:
        with tempfile.TemporaryFile() as noise, _start(rest, noise) as child:
            assert child.stdout is not None
            for line in child.stdout:
                yield Finding(*json.loads(line))
                rest.pop(0)
            code = child.wait()
            if rest:
                died = rest.pop(0)
                yield Finding(died.what, FAILED, f"{_how(code, noise)}; {died.way_out}")


def _start(probes: Sequence[Probe], noise: IO[bytes]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pipeline.doctor.child", *(probe.what for probe in probes)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=noise, text=True)


def _how(code: int, noise: IO[bytes]) -> str:
    if code < 0:
        return f"its process was ended by {signal.Signals(-code).name}"
    noise.seek(0)
    lines = noise.read().decode(errors="replace").strip().splitlines()
    return f"its process ended with exit code {code}: {lines[-1][:200] if lines else 'no word'}"


def _main(names: Sequence[str]) -> None:
    # What libraries print on stdout must not come between the findings.
    findings = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for probe in LIBRARIES:
        if probe.what in names:
            print(json.dumps(examine(probe)), file=findings, flush=True)


if __name__ == "__main__":
    _main(sys.argv[1:])
