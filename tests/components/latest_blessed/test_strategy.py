"""A model or statistics whose files are gone or damaged are passed over, and that is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from tfx import types
from tfx.types import standard_artifacts

from components import artifact_content
from components.latest_blessed.strategy import (
    LatestOtherBlessedModelStrategy,
    LatestOtherStatisticsStrategy,
)


def _made(kind: type[types.Artifact], folder: Path, number: int) -> types.Artifact:
    artifact = kind()
    artifact.id, artifact.uri = number, str(folder / str(number))
    Path(artifact.uri).mkdir(parents=True)
    Path(artifact.uri, "saved_model.pb").write_text(f"model {number}")
    artifact_content.record(artifact)
    return artifact


def _blessing(model: int) -> types.Artifact:
    artifact = standard_artifacts.ModelBlessing()
    artifact.set_int_custom_property("blessed", 1)
    artifact.set_int_custom_property("current_model_id", model)
    return artifact


@pytest.mark.parametrize(
    ("lost", "found"), [([], 3), ([3], 2), ([2, 3], 1), ([1, 2, 3], None), ([1], 3)]
)
def test_the_latest_blessed_model_is_one_that_is_there(
    tmp_path: Path, lost: list[int], found: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    models = [_made(standard_artifacts.Model, tmp_path, number) for number in (1, 2, 3, 4)]
    for number in lost:
        Path(models[number - 1].uri, "saved_model.pb").unlink()
    given = {
        "model": models,
        "model_blessing": [_blessing(number) for number in (1, 2, 3, 4)],
        "candidate": [models[3]],
    }
    resolved = LatestOtherBlessedModelStrategy().resolve_artifacts(None, given)
    assert [model.id for model in resolved["model"]] == ([found] if found else [])
    told = [n for n in (1, 2, 3) if f"passed over: {models[n - 1].uri} is damaged" in caplog.text]
    assert told == [n for n in lost if not found or n > found]


def test_the_latest_other_statistics_are_some_that_are_there(tmp_path: Path) -> None:
    several = [_made(standard_artifacts.ExampleStatistics, tmp_path, n) for n in (1, 2, 3)]
    Path(several[1].uri, "saved_model.pb").write_text("model 9")
    resolved = LatestOtherStatisticsStrategy().resolve_artifacts(
        None, {"statistics": several, "current": [several[2]]}
    )
    assert resolved == {"statistics": [several[0]], "current": [several[2]]}
