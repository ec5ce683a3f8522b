import errno
import importlib
import io
from pathlib import Path

import pytest

from components.behavior_example_gen.errors import LogError
from pipeline.cli import main
from pipeline.commands import COMMANDS
from pipeline.failures import explain
from pipeline.local_runner import ComponentFailed
from pipeline.terminal.console import Terminal
from pipeline.terminal.exit_codes import BAD_INPUT, FAILED, INTERRUPTED


def _explained(cause: Exception) -> tuple[int, str]:
    stream = io.StringIO()
    failure = ComponentFailed("Transform")
    failure.__cause__ = cause
    return explain(failure, Path("/runs/mine/log.txt"), Terminal(stream)), stream.getvalue()


def test_what_the_user_gave_is_told_without_the_story_of_beam():
    fault = RuntimeError("wrapped")
    fault.__cause__ = LogError("a.csv: has no column 'x'. [while running 'Read/Map']")
    code, text = _explained(fault)
    assert code == BAD_INPUT
    assert text == "everlong: Transform: a.csv: has no column 'x'. (log: /runs/mine/log.txt)\n"


@pytest.mark.parametrize(
    "fault",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("write: No space left on dev"),
        RuntimeError("mlmd: Error when executing query: database or disk is full query: INSERT"),
    ],
)
def test_a_full_disk_says_so(fault):
    code, text = _explained(fault)
    assert code == FAILED
    assert "no space left on the disk of /runs/mine" in text
    assert text.count("\n") == 1


@pytest.mark.parametrize(
    "fault",
    [
        OSError(errno.ENOSPC, "No space left on device", "/elsewhere/serving"),
        OSError(errno.EDQUOT, "Disk quota exceeded", "/runs/mine/x", None, "/elsewhere/serving"),
    ],
)
def test_a_full_disk_is_the_one_that_the_error_names(fault):
    wrapped = RuntimeError("in a worker")
    wrapped.__cause__ = fault
    for cause in (fault, wrapped):
        assert "no space left on the disk of /elsewhere/serving;" in _explained(cause)[1]


def test_no_chain_of_causes_goes_round_for_ever():
    itself, one, other = (RuntimeError(name) for name in ("itself", "one", "other"))
    itself.__cause__ = itself
    one.__context__, other.__cause__ = other, one
    for fault in (itself, one, other):
        code, text = _explained(fault)
        assert code == FAILED
        assert str(fault) in text


def test_of_a_traceback_in_a_message_the_innermost_error_is_told():
    code, text = _explained(
        TypeError("in user code:\n\n    File x\n\n    ValueError: shapes differ: 2, 3\n    * a=1")
    )
    assert code == FAILED
    assert "ValueError: shapes differ: 2, 3" in text
    assert "/runs/mine/log.txt" in text


@pytest.mark.parametrize(
    "words",
    [
        "run --config demo", "ablate --config demo --study models", "ingest --config demo",
        "predict --model m --config demo --out p.parquet", "bench gate", "compare a b", "report a",
        "simulate --config demo --out l.csv", "dataset taobao --manual-dir d", "config --explain",
        "compile --config demo --engine kubeflow --out p.yaml",
    ],
    ids=lambda words: words.split()[0],
)  # fmt: skip
def test_an_interrupt_says_whether_the_command_goes_on_or_begins_anew(words, monkeypatch, capsys):
    def interrupted(_):
        raise KeyboardInterrupt

    name = words.split()[0]
    assert name in COMMANDS
    monkeypatch.setattr(
        importlib.import_module(f"pipeline.commands.{name}"), "execute", interrupted
    )
    assert main(words.split()) == INTERRUPTED
    # What the README says of `run` and `ablate`: finished components and runs are not made again.
    again = "goes on where this one was" if name in ("run", "ablate") else "begins anew"
    assert capsys.readouterr().err == f"\neverlong: interrupted; the same command {again}\n"
