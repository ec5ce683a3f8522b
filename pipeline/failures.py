"""A failed component in a few lines: what happened, where, and what to do."""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Iterator
from pathlib import Path

from components.errors import InputError
from pipeline.local_runner import ComponentFailed
from pipeline.terminal.console import Terminal
from pipeline.terminal.exit_codes import BAD_INPUT, FAILED

_ERROR_LINE = re.compile(r"\s*\w+(Error|Exception): \S")
# Beam appends the step that raised; it means nothing to the reader of a log.
_BEAM_SUFFIX = re.compile(r"\s*\[while running [^\]]*\]")


def explain(error: ComponentFailed, log: Path, terminal: Terminal) -> int:
    """Prints the failure, writes the whole traceback to the log, and returns the exit code."""
    logging.getLogger("absl").error("%s failed", error.node, exc_info=error)
    chain = list(_chain(error.__cause__))
    for cause in chain:
        if isinstance(cause, InputError):
            terminal.line(f"everlong: {error.node}: {_BEAM_SUFFIX.sub('', str(cause))}")
            return BAD_INPUT
    if any(
        (isinstance(c, OSError) and c.errno == errno.ENOSPC) or "No space left" in str(c)
        for c in chain
    ):
        terminal.line(
            f"everlong: {error.node}: no space left on the disk of {log.parent}; free some, or "
            "choose another --output-dir. Nothing half-written is kept: run the same command again"
        )
        return FAILED
    last = chain[0]
    lines = _BEAM_SUFFIX.sub("", str(last)).strip().splitlines() or [""]
    # TensorFlow puts tracebacks into its messages; the innermost error is what happened.
    inner = [line.strip() for line in lines if _ERROR_LINE.match(line)]
    text = inner[-1] if inner else f"{type(last).__name__}: {lines[0]}"
    terminal.line(f"everlong: {error.node} failed: {text[:500]}")
    terminal.line(f"  the whole story is in {log}; the same command goes on where this one was")
    return FAILED


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
