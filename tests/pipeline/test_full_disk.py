"""A disk that fills up in each component, or is full before: a small file system in memory."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.pusher import versions
from pipeline.cli import main
from pipeline.run.progress import WHAT
from pipeline.terminal.exit_codes import FAILED
from tests.pipeline import test_component_faults as faults

executors = faults.executors


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if done.returncode:
        pytest.skip(f"may not mount a file system: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def _end(output: Path, capfd: pytest.CaptureFixture[str], *more: str) -> str:
    code = main(["run", "--config", str(faults.CONFIG), "--output-dir", str(output), *more])
    out, err = capfd.readouterr()
    assert code == FAILED, out + err
    (told,) = [line for line in (out + err).splitlines() if line.startswith("everlong: ")][-1:]
    assert "Traceback" not in out + err
    return told


@pytest.mark.parametrize("name", [name for name in WHAT if name not in faults.RESOLVERS])
def test_filled_by_a_component(
    executors: dict[str, type], name: str, disk: Path, monkeypatch, capfd
) -> None:
    def full(*given: object) -> None:
        (outputs,) = [one for one in given[2:3] if isinstance(one, dict)]
        folder = Path(next(iter(outputs.values()))[0].uri)
        folder.mkdir(parents=True, exist_ok=True)
        _fill(folder / "data")

    for node, executor in executors.items():
        if node not in faults.RESOLVERS:
            monkeypatch.setattr(executor, "Do", full if node == name else lambda *_: None)
    told = _end(disk / "run", capfd)
    assert told.startswith(f"everlong: {name}: no space left on the disk of {disk / 'run'}")


def test_the_destination_of_a_push_is_named(
    executors: dict[str, type], disk: Path, tmp_path: Path, monkeypatch, capfd
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "saved_model.pb").write_bytes(bytes(8 << 20))

    def push(*given: object) -> None:
        (properties,) = [one for one in given[3:4] if isinstance(one, dict)]
        versions.push(str(tmp_path / "model"), properties["destination"], lambda _: None)

    for node, executor in executors.items():
        if node not in faults.RESOLVERS:
            monkeypatch.setattr(executor, "Do", push if node == "Pusher" else lambda *_: None)
    destination = disk / "serving"
    told = _end(tmp_path / "run", capfd, "--set", f"push.destination={destination}")
    assert told.startswith(f"everlong: Pusher: no space left on the disk of {destination}; free")


def test_a_destination_that_is_full_before_the_run_is_named(
    disk: Path, tmp_path: Path, capfd
) -> None:
    with pytest.raises(OSError, match="No space"):
        _fill(disk / "other")
    told = _end(tmp_path / "run", capfd, "--set", f"push.destination={disk / 'serving'}")
    assert told.startswith("everlong: run failed: ")
    assert f"{disk / 'serving'}: No space left on device" in told


def test_full_before_the_run(executors: dict[str, type], disk: Path, monkeypatch, capfd) -> None:
    for node, executor in executors.items():
        if node not in faults.RESOLVERS:
            monkeypatch.setattr(executor, "Do", lambda *_: None)
    with pytest.raises(OSError, match="No space"):
        _fill(disk / "other")
    told = _end(disk / "run", capfd)
    assert "no space left" in told.lower()
