"""Whatever happens to a push, TensorFlow Serving finds whole versions only."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from components.errors import InputError
from components.pusher import versions
from components.pusher.destination import try_destination
from components.pusher.versions import next_version, push

FILES = {
    "saved_model.pb": b"graph" * 5000,
    "variables/variables.index": b"index",
    "variables/variables.data-00000-of-00001": bytes(range(256)) * 999,
    "assets/item": b"1\n2\n",
    "assets.extra/empty": b"",
}
# A push that ends itself at its k-th operation on a file or folder: `kill` as SIGKILL does, at once
# and for good, `full` as a disk without room. Python announces every such operation.
PUSH = """
import errno, os, signal, sys
from components.pusher.versions import push
model, destination, how, k = *sys.argv[1:4], int(sys.argv[4])
seen, quiet = 0, False
def audit(event, arguments):
    global seen
    inside = any(str(a).startswith((model, destination)) for a in arguments)
    if not inside or not event.startswith(("open", "os.", "shutil.")):
        return
    seen += 1
    if seen == k and how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if seen == k and how == "full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
sys.addaudithook(audit)
push(model, destination, lambda folder: None)
"""


def write_model(folder: Path, files: dict[str, bytes] = FILES) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def served(destination: Path) -> list[str]:
    """The versions that TensorFlow Serving would see; each must be whole."""
    found = [path for path in destination.glob("*") if path.name.isdigit()]
    for path in found:
        assert content(path) == FILES, f"{path} is not whole"
    return [path.name for path in found]


def leftovers(destination: Path) -> list[str]:
    return [path.name for path in destination.iterdir() if not path.name.isdigit()]


def nothing(folder: str) -> None:
    """A verification that finds no fault."""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    return tmp_path / "serving"


def pushed_until(model: Path, destination: Path, how: str, k: int) -> int:
    command = [sys.executable, "-c", PUSH, str(model), str(destination), how, str(k)]
    return subprocess.run(command, capture_output=True, check=False).returncode


@pytest.mark.parametrize("how", ["kill", "full"])
def test_ended_at_any_operation_it_leaves_no_part_of_a_version(model, tmp_path, how):
    ended = 0
    for k in range(1, 500):
        destination = tmp_path / f"{how}{k}"
        code = pushed_until(model, destination, how, k)
        before = served(destination) if destination.exists() else []
        assert len(before) <= 1
        if code == 0:
            break
        ended += 1
        assert code == (-signal.SIGKILL if how == "kill" else 1)
        if how == "full" and destination.exists() and not before:
            assert leftovers(destination) == []
        version, made = push(str(model), str(destination), nothing)
        assert made is (not before)
        assert served(destination) == [version]
        assert leftovers(destination) == []
    assert code == 0
    assert ended > 20


def test_a_poller_sees_no_part_of_a_version_while_pushes_are_killed(model, destination):
    destination.mkdir()
    faults: list[str] = []
    looks, stop = 0, threading.Event()

    def poll() -> None:
        nonlocal looks
        while not stop.is_set():
            looks += 1
            try:
                served(destination)
            except AssertionError as error:
                faults.append(str(error))

    poller = threading.Thread(target=poll)
    poller.start()
    rng = random.Random(7)
    try:
        for _ in range(20):
            command = [sys.executable, "-c", PUSH, str(model), str(destination), "never", "0"]
            process = subprocess.Popen(command)
            time.sleep(rng.uniform(0.02, 0.25))
            process.kill()
            process.wait()
    finally:
        stop.set()
        poller.join()
    assert looks
    assert not faults
    push(str(model), str(destination), nothing)
    assert len(served(destination)) == 1
    assert leftovers(destination) == []


def test_two_pushes_at_once_make_one_version(model, destination):
    command = [sys.executable, "-c", PUSH, str(model), str(destination), "never", "0"]
    both = [subprocess.Popen(command), subprocess.Popen(command)]
    assert [process.wait() for process in both] == [0, 0]
    assert len(served(destination)) == 1
    assert leftovers(destination) == []


def test_the_same_model_is_pushed_once_and_another_above_it(model, destination, tmp_path):
    first, made = push(str(model), str(destination), nothing)
    assert made
    assert push(str(model), str(destination), nothing) == (first, False)
    other = write_model(tmp_path / "other", FILES | {"assets/item": b"1\n3\n"})
    second, made = push(str(other), str(destination), nothing)
    assert made
    assert int(second) > int(first)
    # What is served is the newest: a model that an older version holds is pushed above it.
    third, made = push(str(model), str(destination), nothing)
    assert made
    assert int(third) > int(second)
    assert content(destination / third) == FILES


def test_a_newest_version_that_lacks_a_file_is_not_taken_for_the_model(model, destination):
    write_model(destination / "5", {k: v for k, v in FILES.items() if k != "assets/item"})
    version, made = push(str(model), str(destination), nothing)
    assert made
    assert content(destination / version) == FILES


def test_versions_are_the_time_but_always_higher_than_the_newest(destination, model, monkeypatch):
    monkeypatch.setattr(versions.time, "time", lambda: 1_700_000_000.9)
    assert next_version(None) == "1700000000"
    assert next_version("12") == "1700000000"
    assert next_version("1700000000") == "1700000001"
    # TensorFlow Serving knows no other names than non-negative int64s as versions.
    for name in ("4000000000", "99999999999999999999", "v9000000000", ".9000000000", "-9000000000"):
        (destination / name).mkdir(parents=True)
    assert push(str(model), str(destination), nothing) == ("4000000001", True)


def test_a_copy_that_cannot_be_served_is_refused_and_removed(model, destination):
    tried: list[str] = []

    def refuse(folder: str) -> None:
        tried.append(Path(folder).name)
        assert content(Path(folder)) == FILES
        raise RuntimeError("does not load")

    with pytest.raises(RuntimeError, match="does not load"):
        push(str(model), str(destination), refuse)
    assert not tried[0].isdigit()
    assert list(destination.iterdir()) == []


def test_what_is_there_already_is_tried_too(model, destination):
    version, _ = push(str(model), str(destination), nothing)
    tried: list[str] = []
    push(str(model), str(destination), tried.append)
    assert tried == [str(destination / version)]


def test_a_destination_is_made_and_tried(destination):
    try_destination(str(destination / "deep"), "push.destination")
    assert list((destination / "deep").iterdir()) == []


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("/proc/nowhere", "No such file or directory"),
        ("{file}", "File exists"),
        ("{file}/below", "Not a directory"),
        ("/" + "x" * 300, "File name too long"),
        ("/tmp/nul\0byte", "embedded null byte"),
    ],
)
def test_a_destination_that_cannot_be_used_is_named_with_its_key(tmp_path, place, reason):
    (tmp_path / "file").write_text("")
    place = place.format(file=tmp_path / "file")
    with pytest.raises(InputError) as failure:
        try_destination(place, "push.destination")
    assert str(failure.value) == (
        f"push.destination: models cannot be pushed to {place}: {reason}. Give a place that can "
        "be made and written to"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="Permission denied"):
        try_destination(str(tmp_path), "push.destination")
