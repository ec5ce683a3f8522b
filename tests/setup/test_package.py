"""setup.py, the lock files and the package that a Beam worker gets agree."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from email import message_from_string
from pathlib import Path

import pytest
from lock import entries

from pipeline import __version__

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("pipeline", "components", "models", "schemas")
KINDS = (".py", ".yaml", ".pbtxt", ".html", ".css", ".js", ".j2", ".typed")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """A wheel built from an sdist of this tree, without a network."""
    folder = tmp_path_factory.mktemp("package")
    ignored = shutil.ignore_patterns("__pycache__")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(ROOT / "setup.py", folder)

    def build(where: Path, kind: str) -> Path:
        command = [sys.executable, "setup.py", "--quiet", kind]
        subprocess.run(command, cwd=where, check=True, capture_output=True)
        return next((where / "dist").iterdir())

    sdist = build(folder, "sdist")
    shutil.unpack_archive(sdist, folder / "unpacked")
    return zipfile.ZipFile(build(folder / "unpacked" / f"everlong-{__version__}", "bdist_wheel"))


def test_the_package_holds_every_source_and_data_file(wheel: zipfile.ZipFile):
    files = (path for name in PACKAGES for path in (ROOT / name).rglob("*") if path.is_file())
    expected = {str(path.relative_to(ROOT)) for path in files if path.suffix in KINDS}
    missing = expected - set(wheel.namelist())
    assert not missing, "name the suffix in setup.py: package_data"


def test_the_package_describes_itself(wheel: zipfile.ZipFile):
    metadata = message_from_string(
        wheel.read(f"everlong-{__version__}.dist-info/METADATA").decode()
    )
    assert metadata["Name"] == "everlong"
    assert metadata["Version"] == __version__
    assert "Apache-2.0" in (metadata["License-Expression"], metadata["License"])
    assert set(metadata["Requires-Python"].split(",")) == {">=3.11", "<3.12"}
    scripts = wheel.read(f"everlong-{__version__}.dist-info/entry_points.txt").decode()
    assert "everlong = pipeline.cli:main" in scripts


def test_the_lock_pins_each_direct_dependency_and_holds_hashes_only(wheel: zipfile.ZipFile):
    metadata = message_from_string(
        wheel.read(f"everlong-{__version__}.dist-info/METADATA").decode()
    )
    locked: set[str] = set()
    for file, extra in (("lock.txt", ""), ("test.txt", "test")):
        locked |= entries((ROOT / "requirements" / file).read_text()).keys()
        lines = [line for line in metadata.get_all("Requires-Dist") if _extra(line) == extra]
        assert lines
        names = {re.match(r"[\w-]+", line)[0] for line in lines}
        assert names <= locked, "setup.py has changed: make lock"
    for name in ("lock.txt", "test.txt", "gpu.txt", "uv.txt"):
        text = (ROOT / "requirements" / name).read_text()
        assert all("--hash=sha256:" in entry for entry in entries(text).values())
        assert "://" not in text  # a lock file must serve whatever index its user has


def _extra(requirement: str) -> str:
    """The extra that asks for a requirement, or ""."""
    found = re.search(r"extra == ['\"](\w+)['\"]", requirement)
    return found[1] if found else ""


@pytest.mark.parametrize(("extra", "package"), [("gpu", "nvidia-cudnn-cu12"), ("test", "pytest")])
def test_the_lock_of_an_extra_only_adds_to_the_lock(extra: str, package: str):
    lock, more = (
        entries((ROOT / "requirements" / f"{n}.txt").read_text()) for n in ("lock", extra)
    )
    assert more.keys() & lock.keys() == set()
    assert package in more
