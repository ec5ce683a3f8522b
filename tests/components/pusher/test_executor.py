"""The component: it obeys the blessing, and says "pushed" only of what is there and loads."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import tensorflow as tf
from tfx.types import artifact_utils, standard_artifacts

from components.pusher.executor import Executor
from components.pusher.verify import UnservableError
from tests.components import raw_examples
from tests.components.toy_evaluation import save_model


@pytest.fixture(scope="module")
def examples(tmp_path_factory) -> standard_artifacts.Examples:
    folder = tmp_path_factory.mktemp("examples")
    columns = raw_examples.columns(40, length=5, users=8, split="eval")
    raw_examples.write(folder / "Split-eval", raw_examples.serialized(columns))
    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder)
    artifact.split_names = artifact_utils.encode_split_names(["eval"])
    return artifact


def run(
    model: standard_artifacts.Model,
    examples: standard_artifacts.Examples,
    destination: Path,
    output: Path,
    blessed: int = 1,
) -> standard_artifacts.PushedModel:
    blessing = standard_artifacts.ModelBlessing()
    blessing.set_int_custom_property("blessed", blessed)
    pushed = standard_artifacts.PushedModel()
    pushed.uri = str(output)
    output.mkdir(parents=True)
    Executor(Executor.Context(tmp_dir=str(output), unique_id="1")).Do(
        {"model": [model], "model_blessing": [blessing], "examples": [examples]},
        {"pushed_model": [pushed]},
        {"destination": str(destination), "attempt": "1", "code": "x"},
    )
    return pushed


def test_a_blessed_model_is_pushed_once_and_told_as_tfx_tells_it(examples, tmp_path):
    model = save_model(tmp_path / "model", 0.9)
    destination = tmp_path / "serving"
    pushed = run(model, examples, destination, tmp_path / "a")
    (version,) = destination.iterdir()
    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_string_custom_property("pushed_destination") == str(version)
    assert pushed.get_string_custom_property("pushed_version") == version.name
    assert "serving_default" in tf.saved_model.load(str(version)).signatures
    assert (Path(pushed.uri) / "saved_model.pb").is_file()
    # As after a kill between the rename and the publication: the model is there already.
    again = run(model, examples, destination, tmp_path / "b")
    assert list(destination.iterdir()) == [version]
    assert again.get_string_custom_property("pushed_version") == version.name


def test_a_model_in_an_object_store_is_pushed_to_a_folder(examples, tmp_path):
    model = save_model(tmp_path / "model", 0.9)
    model.uri = f"file://{model.uri}"
    run(model, examples, tmp_path / "serving", tmp_path / "a")
    (version,) = (tmp_path / "serving").iterdir()
    assert "serving_default" in tf.saved_model.load(str(version)).signatures
    # A service is another user: it may read the folder as it may any other.
    assert version.stat().st_mode == (tmp_path / "serving").stat().st_mode


def test_a_model_that_was_not_blessed_is_not_pushed(examples, tmp_path):
    model = save_model(tmp_path / "model", 0.9)
    pushed = run(model, examples, tmp_path / "serving", tmp_path / "a", blessed=0)
    assert pushed.get_int_custom_property("pushed") == 0
    assert not (tmp_path / "serving").exists()


@pytest.mark.parametrize("scale", [math.nan, 3.0, -1.0])
def test_a_model_that_gives_no_probabilities_is_not_pushed(examples, tmp_path, scale):
    model = save_model(tmp_path / "model", 0.9, scale)
    with pytest.raises(UnservableError, match="no probabilities"):
        run(model, examples, tmp_path / "serving", tmp_path / "a")
    assert list((tmp_path / "serving").iterdir()) == []


def test_a_model_that_does_not_load_is_not_pushed(examples, tmp_path):
    model = save_model(tmp_path / "model", 0.9)
    Path(model.uri, "Format-Serving", "saved_model.pb").write_bytes(b"broken" * 9)
    with pytest.raises(UnservableError, match="cannot be served"):
        run(model, examples, tmp_path / "serving", tmp_path / "a")
    assert list((tmp_path / "serving").iterdir()) == []
