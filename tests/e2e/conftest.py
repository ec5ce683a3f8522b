"""One small run that every test of this folder looks at: whole pipelines take a while."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFIG = Path(__file__).parent / "tiny.yaml"


@dataclasses.dataclass(frozen=True)
class Run:
    """An output folder, and the command that works in it."""

    output: Path

    def command(self, *arguments: str) -> list[str]:
        return [
            sys.executable, "-m", "pipeline", "run", "--config", str(CONFIG),
            "--output-dir", str(self.output), *arguments,
        ]  # fmt: skip

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), capture_output=True, text=True, env=os.environ, check=False
        )

    @property
    def summary(self) -> dict:
        return json.loads((self.output / "summary.json").read_text())

    @property
    def pushed(self) -> set[str]:
        return {path.name for path in (self.output / "serving").glob("*")}


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that trained, was blessed and pushed."""
    run = Run(tmp_path_factory.mktemp("run") / "tiny")
    done = run()
    assert done.returncode == 0, done.stdout + done.stderr
    run.output.joinpath("printed.txt").write_text(done.stdout)
    copy = run.output.with_name("finished")
    copy.mkdir()
    for name in ("metadata.sqlite", "summary.json"):
        shutil.copy(run.output / name, copy)
    return run


@pytest.fixture(scope="session")
def finished(first: Run) -> Run:
    """What `first` had left before tests made it run again; its artifacts lie where they lay."""
    return Run(first.output.with_name("finished"))
