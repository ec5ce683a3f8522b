"""One small run that every test of this folder looks at: whole pipelines take a while."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.once import once

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

    def here(self, path: str) -> Path:
        """Where a file of the run, told by its path there, lies in this folder, be it a copy."""
        return self.output / "artifacts" / path.rpartition("/artifacts/")[2]

    @property
    def pushed_model(self) -> Path:
        """The version that the run pushed, in this folder, be it a copy."""
        return self.output / "serving" / Path(self.summary["pushed_model"]).name

    @property
    def pushed(self) -> set[str]:
        return {path.name for path in (self.output / "serving").glob("*")}


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that trained, was blessed and pushed. One file alone may make it run again."""

    def make(folder: Path) -> None:
        run = Run(folder / "tiny")
        done = run()
        assert done.returncode == 0, done.stdout + done.stderr
        run.output.joinpath("printed.txt").write_text(done.stdout)
        shutil.copytree(run.output, folder / "finished")

    return Run(once(tmp_path_factory, "tiny", make) / "tiny")


@pytest.fixture(scope="session")
def finished(first: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A copy of what `first` had left before tests made it run again, for this process alone."""
    folder = tmp_path_factory.mktemp("finished") / "finished"
    return Run(shutil.copytree(first.output.with_name("finished"), folder))
