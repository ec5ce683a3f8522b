"""`make setup` on a machine that has a shell, make and Python, and no compiler."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from uv_tool import TOOLS, prepare_uv

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("Makefile", "setup.py", "requirements", "pipeline", "components", "models", "schemas")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """uv's cache as it is, but for what was built from source: that is built again."""
    uv, environment = prepare_uv()
    known = Path(subprocess.check_output([uv, "cache", "dir"], env=environment, text=True).strip())
    if not known.is_dir():
        pytest.skip("uv has no cache, and everything would be fetched again")
    (tmp_path / "cache").mkdir()
    for part in known.iterdir():
        if not part.name.startswith(("sdists-", "builds-")):
            (tmp_path / "cache" / part.name).symlink_to(part)
    return tmp_path / "cache"


@pytest.mark.slow
def test_set_up_needs_no_compiler(tmp_path: Path, cache: Path):
    checkout, path = tmp_path / "checkout", tmp_path / "path"
    checkout.mkdir()
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, checkout / name)
    shutil.copytree(TOOLS, checkout / ".tools")  # uv itself is fetched once
    bootstrap = checkout / "requirements" / "bootstrap.py"
    # Which takes both cores 40 s, and no compiler.
    bootstrap.write_text(bootstrap.read_text().replace('"--compile-bytecode",', ""))
    path.mkdir()
    for tool in ("sh", "make"):
        (path / tool).symlink_to(shutil.which(tool))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CC")}
    environment = kept | {"PATH": str(path), "UV_CACHE_DIR": str(cache)}
    python = Path(sys.base_prefix) / "bin" / "python3.11"
    assert python.exists()
    done = subprocess.run(
        ["make", "setup", f"PYTHON={python}"],
        cwd=checkout, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "setup: complete" in done.stdout
    assert [*cache.glob("sdists-*/**/*.whl")], "something was built, without a compiler"
