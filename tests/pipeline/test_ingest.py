"""`everlong ingest`: the command, what it leaves, and what a kill leaves."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.cli import main

SETTINGS = [
    "--config", "demo",
    "--set", "log.simulator.median_history=60", "--set", "log.simulator.max_history=90",
]  # fmt: skip


def _arguments(folder: Path, users: int, *more: str) -> list[str]:
    settings = [*SETTINGS, "--set", f"log.simulator.users={users}", *more]
    return ["ingest", *settings, "--output-dir", str(folder)]


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*.gz")
    }


def test_says_what_it_did_and_a_second_run_that_nothing_is_left(tmp_path, monkeypatch, capfd):
    out = tmp_path / "out"
    assert main(_arguments(out, 40)) == 0
    said = capfd.readouterr().out
    counts = json.loads((out / "counts.json").read_text())
    assert f"{counts['rows']:,} rows of 40 users" in said
    assert f"{counts['splits']['train']['examples']:,}  train examples of" in said
    assert {path.name for path in out.iterdir()} == {
        "counts.json", "quarantine.jsonl", "Split-train", "Split-validation", "Split-eval",
    }  # fmt: skip
    assert {path.name for path in tmp_path.iterdir()} == {"out", "out.log"}

    before = _digests(out)
    assert main(_arguments(out, 40, "--set", "beam.shard_memory_mib=100")) == 0
    assert "complete already; nothing was done" in capfd.readouterr().out
    assert _digests(out) == before
    assert main(_arguments(out, 41)) == 2  # another log
    assert "another log, configuration or version" in capfd.readouterr().err
    monkeypatch.setattr("pipeline.commands.ingest.code", lambda *_: "of another version")
    assert main(_arguments(out, 40)) == 2
    assert "another log, configuration or version" in capfd.readouterr().err
    assert _digests(out) == before


def test_a_folder_of_something_else_is_left_alone(tmp_path, capfd):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    assert main(_arguments(tmp_path / "out", 40)) == 2
    assert "holds something else" in capfd.readouterr().err
    assert (tmp_path / "out" / "thesis.tex").exists()


def test_bad_rows_leave_a_quarantine_and_no_folder(tmp_path, capfd):
    rows = [f"{u},{i % 9},{i},{i % 2}" for i in range(90) for u in range(400)]
    rows[30_000:] = ["1,2,noon,1"] * 6_000  # beyond what is looked at before the start
    rows += [f"{u},{i % 9},{i},{i % 2}" for i in range(90, 2000) for u in range(400)]
    log = tmp_path / "log.csv"
    log.write_text("\n".join(["user,item,time,click", *rows]))
    config = tmp_path / "bad.yaml"
    config.write_text(
        f"name: bad\nlog: {{folder: {tmp_path}, files: log.csv, max_bad_row_share: 0.001, "
        "columns: {user: user, item: item, time: time}}\nlabel: {column: click}\n"
    )
    out = tmp_path / "out"
    assert main(["ingest", "--config", str(config), "--output-dir", str(out)]) == 2
    said = capfd.readouterr().out
    assert f"6,000  time: neither a number nor ISO 8601, first at {log}:30002" in said
    quarantine = tmp_path / "out.quarantine.jsonl"
    assert str(quarantine) in said
    assert json.loads(quarantine.read_text().splitlines()[0])["line"] == 30_002
    assert not out.exists()
    assert not (tmp_path / ".out.partial").exists()


@pytest.mark.parametrize(
    ("folder", "says"),
    [
        ("/dev/null/examples", "/dev/null/examples: cannot be written: .*Not a directory"),
        ("gs://bucket/examples", "must be a folder of a local or mounted file system"),
    ],
)
def test_folders_that_cannot_be_written(folder, says, capfd):
    assert main(_arguments(Path(folder), 40)) == 2
    said = capfd.readouterr().err
    assert re.search(says, said)
    assert said.count("\n") == 1


def _stopped(
    arguments: list[str], aside: Path, moment: str, how: signal.Signals
) -> tuple[int, str]:
    """Runs the command until a file is there, and sends it a signal: exit code and last words."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", *arguments],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while process.poll() is None and not [*aside.glob(moment)]:
        time.sleep(0.002)
    os.killpg(process.pid, how)
    said = process.communicate()[0]
    return process.returncode, said


def test_interrupted_leaves_nothing(tmp_path):
    arguments = _arguments(tmp_path / "out", 1500, "--set", "log.shards=16")
    aside = tmp_path / ".out.partial"
    code, said = _stopped(arguments, aside, ".work/*.arrow", signal.SIGINT)
    assert code == 130, said
    assert "interrupted; nothing is left, the same command begins anew" in said
    assert {path.name for path in tmp_path.iterdir()} == {"out.log"}


@pytest.mark.parametrize("moment", [".work/*.arrow", "Split-*/*.gz"])
def test_killed_in_the_middle_and_run_again(tmp_path, moment):
    arguments = _arguments(tmp_path / "out", 1500, "--set", "log.shards=16")
    aside = tmp_path / ".out.partial"
    assert _stopped(arguments, aside, moment, signal.SIGKILL)[0] == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    assert [*aside.glob(moment)]

    assert main(arguments) == 0
    assert not aside.exists()
    whole = _arguments(tmp_path / "whole", 1500, "--set", "log.shards=16")
    assert main(whole) == 0
    assert _digests(tmp_path / "out") == _digests(tmp_path / "whole") != {}
