"""mend_wheels renames what is known, refuses what is not, and never writes through a hard link."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import mend_wheels
import pytest
from elf_imports import ElfError, ElfImports, elf_hash
from mend_wheels import EQUIVALENTS, is_too_new, main, mend_file, mended

from tests.setup.tiny_elf import tiny_elf

NEEDS = [
    ("libc.so.6", "GLIBC_2.2.5"),
    ("libc.so.6", "GLIBC_2.38"),
    ("libstdc++.so.6", "GLIBCXX_3.4.32"),
]
# `strtol` needs no entry of its own: it is the end of `__isoc23_strtol`.
IMPORTS = [("puts", 0), ("__isoc23_strtol", 1), ("_ZSt21ios_base_library_initv", 2)]
NAMES = "GLIBCXX_3.4 __errno_location"
LIBRARY = tiny_elf(NEEDS, IMPORTS, NAMES)


def imports(content: bytes) -> list[tuple[str, str]]:
    module = ElfImports(content)
    versions = {need.index: need.version.decode() for need in module.needs()}
    return [(e.name.decode(), versions[e.index]) for e in module.imports() if e.index in versions]


def test_elf_hash_is_that_of_the_specification():
    # the values that a linker writes for these names
    assert elf_hash(b"GLIBC_2.2.5") == 0x09691A75
    assert elf_hash(b"GLIBCXX_3.4") == 0x08922974
    assert elf_hash(b"CXXABI_1.3") == 0x056BAFD3


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (b"GLIBC_2.34", False),
        (b"GLIBC_2.38", True),
        (b"GLIBC_2.4", False),  # not decimal: 4 < 34
        (b"GLIBCXX_3.4.29", False),
        (b"GLIBCXX_3.4.32", True),
        (b"CXXABI_1.3.15", True),
        (b"CXXABI_TM_1", False),
        (b"GCC_3.0", False),
    ],
)
def test_is_too_new(version: bytes, expected: bool):
    assert is_too_new(version) is expected


def test_new_imports_become_old_ones_and_others_stay():
    content, names = mended(LIBRARY)
    assert names == ["__isoc23_strtol", "_ZSt21ios_base_library_initv"]
    assert imports(content) == [
        ("puts", "GLIBC_2.2.5"),
        ("strtol", "GLIBC_2.2.5"),
        ("__errno_location", "GLIBC_2.2.5"),
    ]
    versions = [need.version for need in ElfImports(content).needs()]
    assert versions == [b"GLIBC_2.2.5", b"GLIBC_2.2.5", b"GLIBCXX_3.4"]
    assert len(content) == len(LIBRARY)


def test_mending_twice_changes_nothing():
    content, _ = mended(LIBRARY)
    assert mended(content) == (content, [])


@pytest.mark.parametrize(
    ("library", "message"),
    [
        (tiny_elf(NEEDS, [*IMPORTS, ("fmaximum", 1)], NAMES), r"fmaximum \(GLIBC_2.38\)"),
        (tiny_elf(NEEDS, IMPORTS, "GLIBCXX_3.4"), "lacks the name __errno_location"),
        (tiny_elf(NEEDS[1:], [("__isoc23_strtol", 0)], "GLIBC_2.2.5"), "nothing from libc.so.6"),
        (LIBRARY[:-70], "cut short"),
        (LIBRARY[:20], "cut short"),
        (b"#!/bin/sh\n", "not a 64-bit"),
    ],
)
def test_refuses_what_it_does_not_know(library: bytes, message: str):
    with pytest.raises(ElfError, match=message):
        mended(library)


def test_replaces_the_file_and_leaves_its_hard_link_alone(tmp_path: Path):
    cached, installed = tmp_path / "cached.so", tmp_path / "installed.so"
    cached.write_bytes(LIBRARY)
    cached.chmod(0o755)
    os.link(cached, installed)
    assert mend_file(installed)
    assert cached.read_bytes() == LIBRARY
    assert installed.read_bytes() == mended(LIBRARY)[0]
    assert installed.stat().st_mode & 0o777 == 0o755
    assert sorted(tmp_path.iterdir()) == [cached, installed]  # no leftovers


def test_a_failed_replacement_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch):
    module = tmp_path / "module.so"
    module.write_bytes(LIBRARY)

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="No space left"):
        mend_file(module)
    assert module.read_bytes() == LIBRARY
    assert list(tmp_path.iterdir()) == [module]


@pytest.fixture
def site_packages(tmp_path: Path) -> Path:
    for module in mend_wheels.MODULES:
        (tmp_path / module).parent.mkdir(parents=True)
        (tmp_path / module).write_bytes(LIBRARY)
    return tmp_path


def test_does_nothing_on_a_new_glibc(site_packages: Path, monkeypatch):
    monkeypatch.setattr(mend_wheels, "glibc_version", lambda: (2, 39))
    assert main([str(site_packages)]) == 0
    assert all((site_packages / m).read_bytes() == LIBRARY for m in mend_wheels.MODULES)


@pytest.mark.parametrize("glibc", [(), (2, 28)])
def test_says_which_systems_serve_on_too_old_a_glibc(glibc, site_packages, monkeypatch, capsys):
    monkeypatch.setattr(mend_wheels, "glibc_version", lambda: glibc)
    assert main([str(site_packages)]) == 1
    assert "glibc 2.34 or newer" in capsys.readouterr().err


def test_main_mends_both_modules_or_names_the_one_it_cannot(site_packages, monkeypatch, capsys):
    monkeypatch.setattr(mend_wheels, "glibc_version", lambda: (2, 36))
    assert main([str(site_packages)]) == 0
    second = site_packages / mend_wheels.MODULES[1]
    second.write_bytes(tiny_elf(NEEDS, [("fmaximum", 1)]))
    assert main([str(site_packages)]) == 1
    error = capsys.readouterr().err
    assert str(second) in error
    assert "fmaximum" in error
    assert "extend EQUIVALENTS" in error


def test_the_published_modules_load_once_mended(original_modules, tmp_path: Path):
    for original in original_modules:
        copy = tmp_path / original.name
        shutil.copy(original, copy)
        assert mend_file(copy)
        assert not {name.encode() for name, _ in imports(copy.read_bytes())} & EQUIVALENTS.keys()
        assert mend_file(copy) == []
        load = "import ctypes, os, sys; ctypes.CDLL(sys.argv[1], mode=os.RTLD_NOW)"
        subprocess.run([sys.executable, "-c", load, str(copy)], check=True)


def test_a_published_module_with_an_unknown_import_is_refused(original_modules):
    known = b"_ZSt21ios_base_library_initv\0"
    for original in original_modules:
        tampered = original.read_bytes().replace(known, known.replace(b"init", b"quit"))
        with pytest.raises(ElfError, match="library_quitv"):
            mended(tampered)
