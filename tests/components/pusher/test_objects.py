"""In an object store `saved_model.pb` comes last; files of this machine stand for objects."""

from __future__ import annotations

from pathlib import Path

import pytest
from tfx.dsl.io import fileio

from components.errors import InputError
from components.pusher.destination import try_destination
from components.pusher.objects import push, try_writing

FILES = {
    "saved_model.pb": b"graph",
    "variables/variables.index": b"i",
    "assets/item": b"1\n",
    "everlong_model.json": b"{}",
}


def nothing(folder: str) -> None:
    """A verification that finds no fault."""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        (tmp_path / "model" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "model" / name).write_bytes(content)
    return tmp_path / "model"


def content(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_stopped_after_any_copy_it_leaves_no_model(model, tmp_path, monkeypatch):
    copy = fileio.copy
    for k in range(1, len(FILES) + 1):
        destination = tmp_path / f"stopped{k}"
        copies = 0

        def counted(source: str, target: str, limit: int = k) -> None:
            nonlocal copies
            copies += 1
            if copies == limit:
                raise OSError("no room")
            copy(source, target)

        monkeypatch.setattr(fileio, "copy", counted)
        with pytest.raises(OSError, match="no room"):
            push(str(model), str(destination), nothing)
        assert not list(destination.glob("*/saved_model.pb"))
        monkeypatch.setattr(fileio, "copy", copy)
        version, made = push(str(model), str(destination), nothing)
        assert made
        assert [path.name for path in destination.iterdir()] == [version]
        assert content(destination / version) == FILES


def test_folders_of_somebody_else_stay_and_are_passed_by(model, tmp_path):
    """A destination may be wrong: partitions of a log have numbers for names, too."""
    log = tmp_path / "bucket" / "20261130120000" / "part-0.csv"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"user,item\n")
    assert push(str(model), str(tmp_path / "bucket"), nothing) == ("20261130120001", True)
    assert log.read_bytes() == b"user,item\n"
    assert push(str(model), str(tmp_path / "bucket"), nothing) == ("20261130120001", False)


def test_a_copy_that_cannot_be_served_is_taken_back(model, tmp_path):
    destination = tmp_path / "serving"

    def refuse(folder: str) -> None:
        if folder.startswith(str(destination)):
            raise RuntimeError("does not load")

    with pytest.raises(RuntimeError, match="does not load"):
        push(str(model), str(destination), refuse)
    assert not list(destination.glob("*/saved_model.pb"))
    version, _ = push(str(model), str(destination), nothing)
    assert [path.name for path in destination.iterdir()] == [version]


def test_the_same_model_is_pushed_once_and_another_above_it(model, tmp_path):
    destination = str(tmp_path / "serving")
    first, made = push(str(model), destination, nothing)
    assert made
    assert push(str(model), destination, nothing) == (first, False)
    (model / "assets" / "item").write_bytes(b"2\n")
    second, made = push(str(model), destination, nothing)
    assert made
    assert int(second) > int(first)


def test_a_model_that_cannot_be_served_is_not_copied(model, tmp_path):
    def refuse(folder: str) -> None:
        raise RuntimeError("does not load")

    with pytest.raises(RuntimeError, match="does not load"):
        push(str(model), str(tmp_path / "serving"), refuse)
    assert not (tmp_path / "serving").exists()


def test_a_destination_is_tried(tmp_path):
    try_writing(str(tmp_path / "serving"))
    assert list((tmp_path / "serving").iterdir()) == []
    with pytest.raises(Exception, match="/proc/nowhere"):
        try_writing("/proc/nowhere")
    place = "nowhere://bucket/serving"
    with pytest.raises(InputError, match=f"push.destination: .* {place}: .*. Give a place that "):
        try_destination(place, "push.destination")
