"""What is taken from the cache: files as they were written, wherever the run folder is now.

The components are stand-ins that write one file for each output, so that a run takes seconds.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tfx.dsl.components.base import executor_spec
from tfx.orchestration.portable import cache_utils, execution_publish_utils, launcher
from tfx.types import artifact_utils

from pipeline import config as configuration
from pipeline.local_runner import execute, places
from pipeline.pipeline import create_pipeline
from pipeline.run_folder import lineage
from pipeline.run_folder.folder import METADATA, RunFolder
from pipeline.terminal.console import Terminal

CONFIG = Path(__file__).parents[2] / "e2e" / "tiny.yaml"

Run = Callable[[Path], list[str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the pipeline in a folder; returns the components whose executors were called."""
    config = configuration.load(str(CONFIG))
    called: list[str] = []

    def stand_in(name: str) -> Callable[..., None]:
        def do(_: object, inputs: object, outputs: dict, properties: object) -> None:
            called.append(name)
            for artifacts in outputs.values():
                for artifact in artifacts:
                    Path(artifact.uri, "part").mkdir(parents=True)
                    Path(artifact.uri, "part", "file").write_text(f"written by {name}")
                    if name == "StatisticsGen":  # by which they are told from Transform's
                        artifact.split_names = '["train", "eval"]'

        return do

    def run(folder: Path) -> list[str]:
        pipeline = create_pipeline(config, places(config, folder), "the log")
        for node in pipeline.components:
            if isinstance(node.executor_spec, executor_spec.ExecutorClassSpec):
                executor = node.executor_spec.executor_class
                if executor.__name__ != "EmptyExecutor":
                    monkeypatch.setattr(executor, "Do", stand_in(node.id))
        called.clear()
        folder.mkdir(exist_ok=True)
        execute(config, pipeline, folder, Terminal(io.StringIO()))
        return list(called)

    return run


def _files(folder: Path, node: str) -> list[Path]:
    return sorted(path for path in (folder / "artifacts" / node).rglob("file") if path.is_file())


def test_what_did_not_change_is_not_made_again(run: Run, tmp_path: Path) -> None:
    assert "Trainer" in run(tmp_path / "run")
    assert run(tmp_path / "run") == ["Pusher"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_text(file.read_text().replace("w", "W")),  # its size is the same
        lambda file: file.write_text(""),
        lambda file: file.unlink(),
        lambda file: file.rename(file.with_name("other")),
        lambda file: file.with_name("more").write_text("x"),
        lambda file: shutil.rmtree(file.parents[2]),
    ],
    ids=["bytes", "cut", "file gone", "renamed", "one more", "all gone"],
)
def test_what_is_damaged_is_made_again_with_a_word(
    run: Run, damage: Callable[[Path], object], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(tmp_path / "run")
    (file,) = _files(tmp_path / "run", "StatisticsGen")
    damage(file)
    assert "StatisticsGen" in (called := run(tmp_path / "run"))
    assert "BehaviorExampleGen" not in called
    assert "Trainer" not in called  # it reads no statistics
    assert any(
        str(file.parents[1]) in line and "made again" in line for line in caplog.text.splitlines()
    )
    assert run(tmp_path / "run") == ["Pusher"]


def test_a_folder_may_move_and_goes_on_with_all_that_it_had(run: Run, tmp_path: Path) -> None:
    run(tmp_path / "run")
    (tmp_path / "run").rename(tmp_path / "moved")
    assert run(tmp_path / "moved") == ["Pusher"]
    assert not (tmp_path / "run").exists()
    (tmp_path / "moved").rename(tmp_path / "run")
    assert run(tmp_path / "run") == ["Pusher"]


def test_a_copy_is_read_and_written_where_it_is(run: Run, tmp_path: Path) -> None:
    run(tmp_path / "run")
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    found = RunFolder.open(tmp_path / "copy")
    for made in found.outputs.values():
        for artifact in made.values():
            assert Path(artifact.uri).is_relative_to(tmp_path / "copy")
    (file,) = _files(tmp_path / "copy", "Trainer/model")
    file.unlink()
    assert "Trainer" in run(tmp_path / "copy")
    assert run(tmp_path / "run") == ["Pusher"]
    assert len(_files(tmp_path / "run", "Trainer/model")) == 1


def test_a_run_is_named_so_that_its_results_are_told_from_those_of_others(
    run: Run, tmp_path: Path
) -> None:
    run(tmp_path / "run")
    (first,) = lineage.names(lineage.open_store(tmp_path / "run" / METADATA))
    (file,) = _files(tmp_path / "run", "Trainer/model")
    file.unlink()
    run(tmp_path / "run")
    (second,) = lineage.names(lineage.open_store(tmp_path / "run" / METADATA)) - {first}
    uris = {
        lineage.of_run(tmp_path / "run" / METADATA, name)["Trainer"]["model"].uri
        for name in (first, second)
    }
    assert len(uris) == 2


def test_the_hooks_are_what_tfx_calls() -> None:
    """`checked_cache` replaces three functions of TFX, found by these names and arguments."""
    source = Path(launcher.__file__).read_text()
    assert "cache_utils.get_cache_context(\n          metadata_handle=m," in source
    assert "execution_publish_utils.publish_succeeded_execution(\n          meta" in source
    assert "artifact_utils.verify_artifacts(" in Path(cache_utils.__file__).read_text()
    for module, name in (
        (cache_utils, "get_cache_context"),
        (artifact_utils, "verify_artifacts"),
        (execution_publish_utils, "publish_succeeded_execution"),
    ):
        assert callable(getattr(module, name))
