"""Gets uv, pinned by hash, into .tools/ and gives it pip's settings; Python itself stays as is."""

from __future__ import annotations

import ast
import importlib.machinery
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
PIN = ROOT / "requirements" / "uv.txt"

# What pip calls it -> what uv calls it, and the sign that parts several values there.
PIP_TO_UV = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "cert": ("SSL_CERT_FILE", " "),
}


class SetupError(RuntimeError):
    """A step of the set-up failed; the message says which, and how to mend it."""


def pip_command() -> list[str]:
    """A pip to run: that of this Python, or else one in an environment of its own."""
    # On the path alone: asked for pip, a hook of setuptools gives up `distutils` for good.
    if importlib.machinery.PathFinder.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    home = TOOLS / "pip"
    command = [sys.executable, "-m", "venv", "--clear", str(home)]
    if subprocess.run(command, capture_output=True).returncode:
        raise SetupError(
            f"{sys.executable} has neither pip nor ensurepip, so uv cannot be fetched. "
            "Debian, Ubuntu: apt install python3.11-venv. Fedora, RHEL: dnf install python3.11-pip"
        )
    return [str(home / "bin" / "python"), "-m", "pip"]


def install_uv(pip: list[str]) -> Path:
    """The path of the pinned uv, which pip puts into a folder of its own the first time."""
    pinned = re.search(r"^uv==(\S+)", PIN.read_text(), re.MULTILINE)
    assert pinned, f"{PIN} must pin uv"
    home = TOOLS / f"uv-{pinned[1]}"
    if not home.exists():
        # Defaults of a user's that would contradict --target; that option leaves an externally
        # managed Python alone, so pip allows it there too.
        environment = os.environ | {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
        with tempfile.TemporaryDirectory(dir=TOOLS) as folder:
            command = [*pip, "install", "--require-hashes", "--only-binary=:all:"]
            command += ["--target", f"{folder}/uv", "--requirement", str(PIN)]
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            if done.returncode:
                raise SetupError(
                    f"pip could not fetch uv:\n{done.stderr}Check that pip reaches its package "
                    f"index (proxy, PIP_INDEX_URL, PIP_CERT): {' '.join(pip)} download uv"
                )
            os.replace(f"{folder}/uv", home)  # whole or absent, whenever we are interrupted
    return home / "bin" / "uv"


def uv_environment(pip_config: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for uv, which does not read pip's indexes, links and certificates itself.

    Args:
      pip_config: what `pip config list` prints.
      environment: the variables to start from; uv's own among them win over pip's.
    """
    found: dict[str, str] = {}
    lines = [line for line in pip_config.splitlines() if "=" in line]
    for line in sorted(lines, key=lambda line: line.startswith(":env:")):  # pip: variables win
        key, _, value = line.partition("=")
        scope, _, name = key.rpartition(".")
        if name in PIP_TO_UV and scope in (":env:", "global", "install"):
            variable, separator = PIP_TO_UV[name]
            found[variable] = separator.join(ast.literal_eval(value).split())
    # Search all indexes, as pip does; the hashes of the lock say which file is the right one.
    return {"UV_INDEX_STRATEGY": "unsafe-best-match", **found, **environment}


def prepare_uv() -> tuple[str, dict[str, str]]:
    """uv's path, and the environment to run it in."""
    TOOLS.mkdir(exist_ok=True)
    pip = pip_command()
    uv = install_uv(pip)
    config = subprocess.run([*pip, "config", "list"], capture_output=True, text=True).stdout
    return str(uv), uv_environment(config, os.environ)
