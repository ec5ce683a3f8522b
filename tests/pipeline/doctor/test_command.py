"""`everlong doctor` as it is typed: a line a finding, exit codes, bad input."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.doctor import machine
from pipeline.doctor.libraries import LIBRARIES
from pipeline.doctor.machine import MACHINE
from pipeline.terminal.exit_codes import BAD_INPUT, DONE, FAILED

LINE = re.compile(r"^(ok|warning|failed) +(\w+(?: \w+)?) +(\S.*)$", re.M)


def test_a_line_for_each_thing_and_zero_if_none_failed(capsys, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", "--config", "demo"]) == DONE
    found = LINE.findall(capsys.readouterr().out)
    expected = [probe.what for probe in (*MACHINE, *LIBRARIES)] + ["log", "push"]
    assert [what for _, what, _ in found] == expected
    assert {state for state, _, _ in found} <= {"ok", "warning"}
    left = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")]
    assert sorted(left) == ["runs", "runs/demo", "runs/demo/serving"]  # as `run` would make them


def test_one_that_failed_is_the_exit_code(capsys, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("pipeline.commands.doctor.examine_apart", lambda: iter(()))
    monkeypatch.setattr(machine.platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(machine, "LOCK", tmp_path / "lock.txt")
    assert main(["doctor"]) == FAILED
    out = capsys.readouterr().out
    assert [line[:2] for line in LINE.findall(out)][1:3] == [
        ("failed", "glibc"),
        ("warning", "packages"),
    ]
    assert re.search(r"^1 failed, \d warnings?$", out, re.M)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "seed=1"], "--set: is of a configuration; give --config FILE, too"),
        (["--output-dir", "x"], "--output-dir: is of a configuration; give --config FILE, too"),
        (["--config", "nosuch"], "no file 'nosuch'"),
        (["--endpoint", "localhost:8080"], "--endpoint 'localhost:8080': must be a URL such as"),
        (["--endpoint", "http://"], "--endpoint 'http://': must be a URL such as"),
        (["--endpoint", "http://me:pass1@host"], "--endpoint '***': must be a URL such as"),
    ],
)
def test_bad_input_is_refused_before_anything_is_tried(capsys, arguments, words):
    assert main(["doctor", *arguments]) == BAD_INPUT
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert "pass1" not in err
