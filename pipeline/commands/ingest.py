"""`everlong ingest`: the examples of a log, by the first step of the pipeline alone."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from components.errors import InputError
from components.secrets import masked, resolve
from pipeline import __version__
from pipeline.arguments import add_config
from pipeline.beam_arguments import check_beam_arguments
from pipeline.config import Config, load
from pipeline.fingerprints import code
from pipeline.log_lines import log_lines
from pipeline.output_folder import LOCK, check_folder, locked
from pipeline.terminal.console import Terminal, quiet
from pipeline.terminal.exit_codes import BAD_INPUT, DONE, FAILED, INTERRUPTED
from pipeline.terminal.log_check import check_log

SUMMARY = "turn a behaviour log into examples, and stop there"
_COUNTS, _QUARANTINE = "counts.json", "quarantine.jsonl"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument(
        "--output-dir",
        type=Path,
        metavar="DIR",
        help="folder of the examples; it appears when they are complete (default: "
        "runs/NAME-examples)",
    )


def execute(arguments: argparse.Namespace) -> int:
    from components.behavior_example_gen.check import fingerprint

    config = load(arguments.config, arguments.overrides)
    output = check_folder(
        "--output-dir", arguments.output_dir or Path("runs") / f"{config.name}-examples"
    )
    settings = config.ingest.model_dump_json(exclude={"shard_memory_mib"})
    parts = [settings, fingerprint(config.ingest), code("components.behavior_example_gen.run")]
    made_from = hashlib.sha256("".join(parts).encode()).hexdigest()[:16]
    if output.exists():
        _check_complete(output, made_from)
        print(f"{output} is complete already; nothing was done")
        return DONE
    check_beam_arguments(config.beam.args)
    check_log(config.ingest)
    log = output.with_name(f"{output.name}.log")
    with _aside(output) as aside, quiet(log) as terminal:
        terminal.line(f"everlong {__version__}: ingest of {config.name}, log {log}")
        try:
            counts = _run(config, aside, terminal)
        except InputError as error:
            terminal.line(masked(f"everlong: {error}"))
            _keep_quarantine(aside, output, terminal)
            return BAD_INPUT
        except KeyboardInterrupt:
            terminal.line("everlong: interrupted; nothing is left, the same command begins anew")
            return INTERRUPTED
        except Exception as error:
            print(masked(traceback.format_exc()), file=sys.stderr)
            reason = (str(error).strip().splitlines() or [""])[-1][:500]
            told = f"{type(error).__name__}: {reason}; the whole story is in {log}"
            terminal.line(masked(f"everlong: ingest failed: {told}"))
            return FAILED
        (aside / _COUNTS).write_text(json.dumps(counts | {"made_from": made_from}, indent=2))
        aside.rename(output)
        (output / LOCK).unlink()  # not before: the name of the folder would be free, and this in it
        terminal.line(_summary(counts))
        terminal.line(f"examples in {output}")
    return DONE


def _check_complete(output: Path, made_from: str) -> None:
    """Refuses a folder that holds anything but the examples that are asked for."""
    with contextlib.suppress(OSError, ValueError):
        if json.loads((output / _COUNTS).read_text()).get("made_from") == made_from:
            return
    raise InputError(
        f"--output-dir {output}: holds something else, or examples of another log, configuration "
        f"or version of everlong; remove it, or choose another folder"
    )


@contextlib.contextmanager
def _aside(output: Path) -> Iterator[Path]:
    """A folder beside `output`, which only this process writes; removed unless it was renamed."""
    aside = output.with_name(f".{output.name}.partial")
    with locked("--output-dir", aside):
        try:
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def _run(config: Config, folder: Path, terminal: Terminal) -> dict[str, Any]:
    with terminal.running("loading Beam"):
        import apache_beam as beam

        from components.behavior_example_gen.beam import progress
        from components.behavior_example_gen.run import write_examples

    arguments = resolve(config.beam.args, "beam.args")
    with terminal.running(_watch(progress.so_far)):
        return write_examples(config.ingest, str(folder), lambda: beam.Pipeline(argv=arguments))


def _watch(so_far: Callable[[], dict[str, float]]) -> Callable[[], str]:
    """Returns what says how far the ingest has come, and how fast it went since it was asked."""
    last: dict[str, float] = {"time": time.monotonic()}

    def text() -> str:
        done = so_far() | {"time": time.monotonic()}
        seconds = done["time"] - last["time"]
        parts = [
            f"{done[what]:,} {what} ({(done[what] - last.get(what, 0)) / seconds:,.0f}/s)"
            for what in ("rows", "users", "examples")
            if what in done
        ]
        last.update(done)
        return ", ".join(parts) or "starting"

    return text


def _keep_quarantine(aside: Path, output: Path, terminal: Terminal) -> None:
    if (aside / _QUARANTINE).exists():
        kept = output.with_name(f"{output.name}.{_QUARANTINE}")
        os.replace(aside / _QUARANTINE, kept)
        terminal.line(f"  dropped rows, some of each reason: {kept}")


def _summary(counts: dict[str, Any]) -> str:
    lines = [
        f"{counts['rows']:,} rows of {counts['users']:,} users in {counts['seconds']:.1f} s "
        f"({counts['rows'] / counts['seconds']:,.0f} rows/s); {counts['rows_kept']:,} rows kept"
    ]
    lines += log_lines(counts, "  ")
    lines += [f"  {count:>14,}  dropped: {reason}" for reason, count in counts["dropped"].items()]
    lines += [
        f"  {split['examples']:>14,}  {name} examples of {split['targets']:,} targets"
        for name, split in counts["splits"].items()
    ]
    return "\n".join(lines)
