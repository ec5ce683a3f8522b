"""One command at a time writes a folder; one that cannot be written is refused at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from components.errors import InputError
from pipeline.output_folder import check_folder, locked

HOLD = """
import sys, time
from pathlib import Path
from pipeline.output_folder import locked
with locked("--output-dir", Path(sys.argv[1])):
    print("holding", flush=True)
    time.sleep(600)
"""


def test_a_second_writer_is_told_who_writes_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == b"holding\n"
        words = rf"--output-dir {folder}: process {holder.pid} \(`.*run`\) is writing it; wait"
        with pytest.raises(InputError, match=words), locked("--output-dir", folder):
            pass
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    with locked("--output-dir", folder):
        pass


def test_a_lock_holds_within_a_process_and_ends_with_its_block(tmp_path: Path) -> None:
    for _ in range(2):
        with (
            locked("--output-dir", tmp_path),
            pytest.raises(InputError, match=rf"process {os.getpid()} "),
            locked("--work-dir", tmp_path),
        ):
            pass


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/proc/x", "cannot be written"),
        ("/dev/null", "/dev/null: Not a directory"),
        ("/dev/null/x/y", "/dev/null: Not a directory"),
        ("a" * 300, "too long"),
        ("/".join(["a" * 200] * 30), "too long"),
        ("/".join(["a" * 100] * 37), "too long"),
        ("gs://bucket/run", "local or mounted"),
        ("s3://bucket", "local or mounted"),
        ("file:///tmp/x", "local or mounted"),
        ("a\0b", "null"),
        ("~/run", "`~` is the home folder only in a shell"),
        ("~me", "`~` is the home folder only in a shell"),
        (os.fsdecode(b"run\xff"), "its name is no text in UTF-8; choose another folder"),
    ],
)
def test_a_folder_that_cannot_be_written(
    path: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        check_folder("--output-dir", Path(path))
    told = str(caught.value)
    assert told.startswith("--output-dir ")
    assert words in told
    assert "\n" not in told
    assert len(told) < 400
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_can_be_written_is_not_made(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real").mkdir()
    assert check_folder("--out", tmp_path / "link" / "a b [1] ü" / "c") == (
        tmp_path / "real" / "a b [1] ü" / "c"
    )
    assert list((tmp_path / "real").iterdir()) == []
    (tmp_path / "round").symlink_to(tmp_path / "round")
    with pytest.raises(InputError):
        check_folder("--out", tmp_path / "round")
