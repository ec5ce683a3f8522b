"""An interrupted or outdated set-up never passes for a complete one; a failure says how to mend."""

from __future__ import annotations

import os
from pathlib import Path

import bootstrap
import pytest
from bootstrap import fingerprint, is_complete, main, step
from uv_tool import SetupError


@pytest.fixture
def home(tmp_path: Path, monkeypatch) -> Path:
    """A repository with all that the fingerprint reads, and a .venv without a stamp."""
    for name in bootstrap.SOURCES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    for name, path in {"VENV": ".venv", "PYTHON": ".venv/python", "STAMP": ".venv/stamp"}.items():
        monkeypatch.setattr(bootstrap, name, tmp_path / path)
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "TOOLS", tmp_path / ".tools")
    monkeypatch.setattr(bootstrap, "LOG", tmp_path / "setup.log")
    bootstrap.VENV.mkdir()
    bootstrap.PYTHON.touch()
    return tmp_path


def test_complete_only_with_a_stamp_of_the_same_sources_and_place(home: Path, monkeypatch):
    assert not is_complete()
    bootstrap.STAMP.write_text(fingerprint())
    assert is_complete()
    (home / "requirements" / "lock.txt").write_text("changed")
    assert not is_complete()
    bootstrap.STAMP.write_text(fingerprint())
    monkeypatch.setattr(bootstrap, "VENV", home / "moved" / ".venv")
    assert not is_complete()


def test_a_failed_step_leaves_no_stamp(home: Path, monkeypatch, capsys):
    bootstrap.STAMP.write_text("of an older lock")
    monkeypatch.setattr(bootstrap, "check_machine", lambda: None)
    monkeypatch.setattr(bootstrap, "prepare_uv", lambda: ("false", dict(os.environ)))
    assert main() == 1
    assert not bootstrap.STAMP.exists()
    assert "make clean setup" in capsys.readouterr().err


def test_a_failed_step_shows_the_end_of_its_output_and_the_remedy(home: Path):
    command = ["sh", "-c", "echo no such index >&2; exit 7"]
    with pytest.raises(SetupError) as failure:
        step("fetching", command, dict(os.environ), "check the network")
    message = str(failure.value)
    assert "fetching failed (exit code 7)" in message
    assert "no such index" in message
    assert message.endswith("Remedy: check the network")


def test_another_python_is_named_with_a_way_out(monkeypatch):
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 12, 1))
    with pytest.raises(SetupError, match=r"needs Python 3\.11.*PYTHON="):
        bootstrap.check_machine()
