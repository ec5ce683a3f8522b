"""docker/Dockerfile, built for real: by buildah, without a daemon, on a base of Debian's packages.

It fetches and writes gigabytes for minutes, so it is asked for: EVERLONG_TEST_IMAGE=1, as root,
with buildah and debootstrap (apt install buildah debootstrap).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from uv_tool import prepare_uv

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "tests" / "e2e" / "tiny.yaml"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
MOST_BYTES = 3e9

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


class Buildah:
    """Images and containers in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self._command = ["buildah", "--storage-driver", "vfs"]
        self._command += ["--root", str(folder / "storage"), "--runroot", str(folder / "run")]

    def __call__(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [*self._command, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True)

    def told(self, *arguments: str | Path) -> str:
        """What it prints, if it succeeds."""
        done = self(*arguments)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout.strip()


@pytest.fixture(scope="module")
def buildah(tmp_path_factory) -> Buildah:
    if not os.environ.get("EVERLONG_TEST_IMAGE"):
        pytest.skip("building the image takes minutes: EVERLONG_TEST_IMAGE=1 asks for it")
    for tool in ("buildah", "debootstrap"):
        if not shutil.which(tool):
            pytest.skip(f"no {tool} on the PATH: apt install {tool}")
    if os.getuid() != 0:
        pytest.skip("debootstrap, and buildah without user namespaces, need root")
    return Buildah(tmp_path_factory.mktemp("buildah"))


@pytest.fixture(scope="module")
def base(buildah: Buildah, tmp_path_factory) -> str:
    """A Debian with Python 3.11 as `python`, and this machine's certificates."""
    folder = tmp_path_factory.mktemp("debian") / "root"
    packages = "ca-certificates,python3,python3-pip,python-is-python3"
    command = ["debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    for unneeded in ("var/cache/apt", "var/lib/apt/lists"):
        shutil.rmtree(folder / unneeded)
    container = buildah.told("from", "scratch")
    buildah.told("add", container, folder, "/")
    if certificates := prepare_uv()[1].get("SSL_CERT_FILE"):
        buildah.told("add", container, certificates, CERTIFICATES)
    buildah.told("commit", "--rm", container, "localhost/debian-python")
    shutil.rmtree(folder)
    return "localhost/debian-python"


@pytest.fixture(scope="module")
def image(buildah: Buildah, base: str) -> str:
    environment = prepare_uv()[1]  # pip's settings, and as uv calls them
    given = {"BASE": base, "REVISION": "0123abc"}
    if "UV_DEFAULT_INDEX" in environment:
        given["UV_DEFAULT_INDEX"] = given["PIP_INDEX_URL"] = environment["UV_DEFAULT_INDEX"]
    if "SSL_CERT_FILE" in environment:
        given["SSL_CERT_FILE"] = given["PIP_CERT"] = CERTIFICATES
    arguments = [f"--build-arg={name}={value}" for name, value in given.items()]
    begin = time.monotonic()
    buildah.told(
        "bud", "--isolation=chroot", "--format=docker", *arguments,
        "--file", ROOT / "docker" / "Dockerfile", "--tag", "localhost/everlong", ROOT,
    )  # fmt: skip
    print(f"built in {time.monotonic() - begin:.0f} s")
    return "localhost/everlong"


@pytest.fixture(scope="module")
def container(buildah: Buildah, image: str) -> Iterator[str]:
    name = buildah.told("from", "--pull-never", image)
    yield name
    buildah.told("rm", name)


def test_the_image_says_what_it_is_and_runs_as_nobody_of_note(buildah: Buildah, image: str):
    config = json.loads(buildah.told("inspect", "--type=image", image))["Docker"]["config"]
    assert config["User"] == "1000"
    assert config["Cmd"] == ["everlong", "--help"]
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert config["Labels"]["org.opencontainers.image.revision"] == "0123abc"
    assert "TF_USE_LEGACY_KERAS=1" in config["Env"]
    assert not [line for line in config["Env"] if line.startswith(("PIP_", "UV_", "SSL_"))]


def test_the_image_is_small_and_holds_no_tools(buildah: Buildah, container: str):
    root = Path(buildah.told("mount", container))
    files = [path.lstat() for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    size = sum({status.st_ino: status.st_size for status in files}.values())
    print(f"{size / 1e9:.2f} GB")
    assert size < MOST_BYTES
    for tool in ("gcc", "cc", "uv", "ruff"):
        assert not [*root.glob(f"opt/*/bin/{tool}"), *root.glob(f"usr/bin/{tool}")]


@pytest.mark.parametrize("user", ["1000:0", "12345:0"])
def test_code_cannot_be_written_and_the_home_can(buildah: Buildah, container: str, user: str):
    run = ("run", "--isolation=chroot", f"--user={user}", container, "--")
    for place in ("/opt/everlong/pipeline/cli.py", "/opt/venv/bin/python", "/opt/everlong/new"):
        assert buildah(*run, "sh", "-c", f"test ! -w {place} && ! touch {place}").returncode == 0
    assert buildah.told(*run, "sh", "-c", f"touch ~/{user} && echo ~") == "/home/everlong"


def test_a_whole_run_within_the_image(buildah: Buildah, container: str):
    run = ("run", "--isolation=chroot", f"--volume={TINY}:/tiny.yaml:ro", container, "--")
    done = buildah(*run, "everlong", "run", "--config", "/tiny.yaml", "--output-dir", "run")
    assert done.returncode in (0, 3), done.stdout[-2000:] + done.stderr[-2000:]
    summary = json.loads(buildah.told(*run, "cat", "run/summary.json"))
    assert summary["metrics"]["auc"] > 0.5
    assert buildah(*run, "everlong", "doctor", "--config", "/tiny.yaml").returncode == 0
