"""A failed component in a sentence: what happened, where, and what to do."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

from components.errors import InputError
from components.full_disk import full_folder, is_full_disk
from components.secrets import masked
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
            first, *more = _BEAM_SUFFIX.sub("", str(cause)).split("\n")
            told = "\n".join([f"everlong: {error.node}: {first} (log: {log})", *more])
            terminal.line(masked(told))
            return BAD_INPUT
    if full := [cause for cause in chain if is_full_disk(cause)]:
        place = next(filter(None, map(full_folder, full)), str(log.parent))
        terminal.line(
            f"everlong: {error.node}: no space left on the disk of {place}; free some, then "
            f"the same command goes on: nothing half-written is kept (log: {log})"
        )
        return FAILED
    last = chain[0]
    lines = _BEAM_SUFFIX.sub("", str(last)).strip().splitlines() or [""]
    # TensorFlow puts tracebacks into its messages; the innermost error is what happened.
    inner = [line.strip() for line in lines if _ERROR_LINE.match(line)]
    text = inner[-1] if inner else f"{type(last).__name__}: {lines[0]}"
    terminal.line(
        masked(
            f"everlong: {error.node} failed: {text[:500]}; what finished before it is kept, the "
            f"whole story is in {log}"
        )
    )
    return FAILED


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The causes of an error, each once: an error may be, by detours, its own cause."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
