"""Metadata that cannot be gone on with are refused before anything starts."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from components.errors import InputError
from pipeline.run_folder import lineage
from pipeline.run_folder.check import METADATA, check_metadata


def _sound(folder: Path) -> Path:
    lineage.open_store(folder / METADATA).get_contexts()
    return folder / METADATA


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _overwritten(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:8192] = bytes(4096)
    path.write_bytes(bytes(data))


def _foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE recipes (name TEXT)")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "damage", [lambda path: path.write_text("no database"), _cut, _overwritten, _foreign, _folder]
)
def test_damaged(damage, tmp_path: Path) -> None:
    path = _sound(tmp_path)
    damage(path)
    with pytest.raises(InputError, match=f"^{path}: is no sound ML Metadata .*remove it to begin"):
        check_metadata(path)


def test_what_a_run_is_writing_is_not_called_damaged(tmp_path: Path) -> None:
    path = _sound(tmp_path)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as running:
        running.execute("BEGIN EXCLUSIVE")
        check_metadata(path)


def test_sound_absent_and_empty(tmp_path: Path) -> None:
    check_metadata(tmp_path / METADATA)
    (tmp_path / METADATA).touch()
    check_metadata(tmp_path / METADATA)
    check_metadata(_sound(tmp_path))
