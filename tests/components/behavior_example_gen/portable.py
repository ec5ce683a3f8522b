"""Beam's own job server and worker pool, as processes of their own, on an installed package."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("pipeline", "components", "models", "schemas")


class Cluster(NamedTuple):
    """What a driver must know of a running job server and worker pool."""

    endpoint: str
    environment: str
    pool: int

    def args(self) -> list[str]:
        """Beam arguments of a pipeline that runs there."""
        return [
            "--runner=PortableRunner",
            f"--job_endpoint={self.endpoint}",
            "--environment_type=EXTERNAL",
            f"--environment_config={self.environment}",
        ]

    def workers(self) -> list[int]:
        """Process ids of the workers that run now."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                pid, _, rest = stat.read_text().partition(" (")
                state, parent, *_ = rest.rpartition(") ")[2].split()
                if int(parent) == self.pool and state != "Z":
                    found.append(int(pid))
        return found


def install(folder: Path) -> Path:
    """Builds the package from setup.py as Beam does; returns the folder it is installed in."""
    source = folder / "source"
    for name in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    shutil.copy(ROOT / "setup.py", source)
    command = [sys.executable, "setup.py", "--quiet", "bdist_wheel"]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    site = folder / "site"
    zipfile.ZipFile(next((source / "dist").iterdir())).extractall(site)
    return site


@contextlib.contextmanager
def cluster(site: Path, folder: Path) -> Iterator[Cluster]:
    """Runs a job server and a worker pool in a folder from which the repository is not seen."""
    environment = {key: os.environ[key] for key in ("HOME", "LANG") if key in os.environ}
    environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment["TMPDIR"] = str(folder)
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    job_port = folder / "job_port"
    with contextlib.ExitStack() as stack:
        _start(
            stack,
            folder,
            environment,
            "apache_beam.runners.portability.local_job_service_main",
            f"--port_file={job_port}",
            f"--staging_dir={folder / 'staging'}",
        )
        pool = _start(
            stack,
            folder,
            environment | {"PYTHONPATH": str(site)},
            "apache_beam.runners.worker.worker_pool_main",
            f"--service_port={port}",
        )
        for _ in range(600):
            if job_port.exists() and _listens(port):
                break
            time.sleep(0.1)
        yield Cluster(f"localhost:{job_port.read_text()}", f"localhost:{port}", pool.pid)


def _start(
    stack: contextlib.ExitStack, folder: Path, environment: dict[str, str], module: str, *args: str
) -> subprocess.Popen:
    log = stack.enter_context((folder / f"{module.rsplit('.', 1)[-1]}.log").open("w"))
    process = subprocess.Popen(
        [sys.executable, "-m", module, *args],
        cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip
    stack.callback(_stop, process)
    return process


def _stop(process: subprocess.Popen) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, 9)
    process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("localhost", port)) == 0
