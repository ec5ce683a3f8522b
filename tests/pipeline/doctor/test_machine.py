"""What the doctor sees of a machine, each fault made on purpose."""

from __future__ import annotations

import collections
import importlib.metadata

import pytest

from pipeline.doctor import machine
from pipeline.doctor.machine import MACHINE
from pipeline.doctor.probe import FAILED, OK, WARNING, Finding, examine

PROBES = {probe.what: probe for probe in MACHINE}
Usage = collections.namedtuple("Usage", "total used free")


def look(what: str) -> Finding:
    return examine(PROBES[what])


@pytest.mark.parametrize("what", ["Python", "glibc", "packages"])
def test_the_machine_of_the_tests_is_well(what: str):
    assert look(what).state == OK


@pytest.mark.parametrize(
    ("version", "system", "processor", "words"),
    [
        ((3, 12, 1), "Linux", "x86_64", "needs Python 3.11; make setup PYTHON="),
        ((3, 11, 7), "Linux", "aarch64", "Linux on x86-64 only; use docker/Dockerfile"),
        ((3, 11, 7), "Darwin", "x86_64", "Linux on x86-64 only; use docker/Dockerfile"),
    ],
)
def test_another_python_or_machine(monkeypatch, version, system, processor, words):
    monkeypatch.setattr(machine.sys, "version_info", version)
    monkeypatch.setattr(machine.platform, "system", lambda: system)
    monkeypatch.setattr(machine.platform, "machine", lambda: processor)
    found = look("Python")
    assert found.state == FAILED
    assert words in found.said


@pytest.mark.parametrize(
    ("libc", "state"),
    [
        (("glibc", "2.34"), OK),
        (("glibc", "2.4"), FAILED),  # not a decimal number: 4 < 34
        (("glibc", "2.31"), FAILED),
        (("", ""), FAILED),  # musl, which tells nothing
    ],
)
def test_glibc(monkeypatch, libc, state):
    monkeypatch.setattr(machine.platform, "libc_ver", lambda: libc)
    found = look("glibc")
    assert found.state == state
    assert state == OK or "glibc 2.34 or newer" in found.said


def test_packages_that_are_not_as_locked_are_named(monkeypatch, tmp_path):
    numpy = importlib.metadata.version("numpy")
    lock = tmp_path / "lock.txt"
    lock.write_text(
        f"numpy=={numpy} \\\n    --hash=sha256:00\n    # via tfx\nno-such-thing==1.0 \\\n"
    )
    monkeypatch.setattr(machine, "LOCK", lock)
    assert look("packages") == Finding(
        "packages", FAILED, "no-such-thing is missing, not 1.0: not as locked; run make setup"
    )
    lock.write_text(f"numpy=={numpy}.post7 \\\na==1 \\\nb==1 \\\nc==1 \\\nd==1 \\\n")
    assert f"numpy is {numpy}, not {numpy}.post7" in look("packages").said
    assert "and 2 more" in look("packages").said
    lock.unlink()
    assert look("packages").state == WARNING


@pytest.mark.parametrize(
    ("free", "state", "words"),
    [(5e11, OK, "500.0 GB"), (5e9, WARNING, "small logs only"), (9e8, FAILED, "needs 1 GB")],
)
def test_the_disk_with_the_least_room_tells(monkeypatch, tmp_path, free, state, words):
    monkeypatch.chdir(tmp_path)

    def usage(folder):
        return Usage(10**12, 0, free if folder == str(tmp_path) else 4e11)

    monkeypatch.setattr(machine.shutil, "disk_usage", usage)
    found = look("disk")
    assert found.state == state
    assert words in found.said
    assert str(tmp_path) in found.said
