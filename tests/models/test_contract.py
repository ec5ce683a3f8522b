"""What is written beside a model is true of it: its example scores, by the README's own words."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from components.saved_model import SavedModel
from models import contract, features, trainer, warmup
from tests.models.transformed import HISTORY, Transformed

TRAINING = {"epochs": 1, "max_steps": 3, "early_stopping": {"metric": "loss"}}


@pytest.fixture(scope="module", params=["transformed", "transformed_bytes", "transformed_features"])
def exported(request, tmp_path_factory) -> tuple[Transformed, Path]:
    """A trained model in a version folder, and what it was trained on."""
    transformed = request.getfixturevalue(request.param)
    if request.param == "transformed_features":
        return transformed, request.getfixturevalue("trained_features") / "models" / "7"
    folder = tmp_path_factory.mktemp("contract")
    arguments = transformed.fn_args(folder, TRAINING)
    arguments.serving_model_dir = str(folder / "models" / "7")
    trainer.run_fn(arguments)
    return transformed, folder / "models" / "7"


def told(version: Path) -> dict:
    return json.loads((version / features.CONTRACT).read_text())


def test_the_contract_has_the_inputs_and_outputs_of_the_signatures(exported):
    _, version = exported
    served = SavedModel(str(version)).functions
    for name in ("score", "serving_default"):
        said = told(version)["signatures"][name]
        assert {n: one["dtype"] for n, one in said["inputs"].items()} == {
            n: spec.dtype.name for n, spec in served[name].inputs.items()
        }
        assert set(said["outputs"]) == set(served[name].outputs)
    assert all(one["meaning"] for one in told(version)["signatures"]["score"]["inputs"].values())


def test_how_the_scores_of_validation_are_spread(exported):
    _, version = exported
    spread = told(version)["validation_scores"]
    assert len(spread["shares"]) == len(spread["bounds"]) + 1
    assert spread["bounds"] == sorted(set(spread["bounds"]))
    assert 0 < spread["bounds"][0] < spread["bounds"][-1] < 1
    assert sum(spread["shares"]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("scores", "bounds", "shares"),
    [
        # 0.00, 0.01, …, 0.99: a decile is a score, and belongs to the range below it.
        (
            np.arange(100) / 100,
            [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
            [0.11, *[0.1] * 8, 0.09],
        ),
        (np.full(7, 0.25), [0.25], [1, 0]),
        (np.array([0.5, np.nan, 0.75, 0.5]), [0.5, 0.75], [2 / 3, 1 / 3, 0]),
        (np.full(3, np.nan), [], []),
    ],
)
def test_a_spread_by_hand(scores, bounds, shares):
    found = contract.spread(scores)
    assert found["bounds"] == pytest.approx(bounds)
    assert found["shares"] == pytest.approx(shares)


@pytest.mark.parametrize("exported", ["transformed_bytes", "transformed_features"], indirect=True)
def test_the_example_of_the_readme_scores_in_a_process_of_its_own(exported):
    _, version = exported
    (code, _) = re.findall(r"```python\n(.*?)```", (version / contract.README).read_text(), re.S)
    done = subprocess.run(
        [sys.executable, "-I", "-c", code.replace("VERSION", version.name)],
        cwd=version.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (printed,) = re.findall(r"^\[\[(.*)\]\]$", done.stdout.strip())  # one user
    scores = [float(number) for number in printed.split()]
    assert len(scores) == 2 and all(0 < score < 1 for score in scores)


def test_the_curl_of_the_readme_has_the_example_whatever_is_in_it(exported, tmp_path):
    _, version = exported
    said = told(version)
    (name, *_) = said["example"]
    said["example"] = {name: [["Children's", 'a "b" $HOME']]}
    contract.write(str(tmp_path), said)
    (command,) = re.findall(r"```sh\n(.*?)\n```", (tmp_path / contract.README).read_text(), re.S)
    curl, option, body, place = shlex.split(command)
    assert (curl, option, place[:14]) == ("curl", "-d", "localhost:8501")
    assert json.loads(body) == {"signature_name": "score", "inputs": said["example"]}


def test_the_size_of_each_other_file_is_told(exported):
    _, version = exported
    files = {path.relative_to(version).as_posix(): path for path in version.rglob("*")}
    sizes = {name: path.stat().st_size for name, path in files.items() if path.is_file()}
    del sizes["README.md"], sizes["everlong_model.json"]
    assert told(version)["files"] == sizes
    assert {"saved_model.pb", "assets/item", "assets.extra/tf_serving_warmup_requests"} <= {*sizes}


def test_what_is_cut_from_a_cell_is_told(exported):
    """Who sends `Comedy|Drama` where the model knows `Comedy` gets the score of an unknown one."""
    _, version = exported
    inputs = told(version)["signatures"]["score"]["inputs"]
    for name, whose in (("history", "these items"), ("target", "the candidates")):
        one = inputs[f"{name}_category"]
        assert one["before"] == "|"
        assert one["meaning"] == (
            f"the categories of {whose}, of the log's cell what stands before the first '|'"
        )
    assert "before" not in inputs["target_item"]
    text = (version / contract.README).read_text()
    assert "before the first '\\|' |" in text
    tables = [line for line in text.splitlines() if line.startswith("| `")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in tables} <= {4, 5}
    if "history_tab" in inputs:
        assert inputs["history_tab"]["meaning"] == (
            "feature 'tab' of each behaviour, of the log's cell what stands behind the last '(' "
            "and before the next ')'; \"\" where it is missing"
        )
        assert inputs["user_taste"]["meaning"] == (
            "feature 'taste' of the user, up to 3 values; \"\" fills up, or stands for none"
        )
        of_examples = told(version)["signatures"]["serving_default"]["features"]
        assert not of_examples["user_taste"]["required"] and of_examples["user_age"]["required"]


def test_what_training_knew_is_told(exported):
    transformed, version = exported
    found = told(version)
    times = [
        time
        for example in transformed.splits["train"]
        for name in ("history_time", "target_time")
        for time in example[name]
    ]
    assert found["time"] == {
        "unit": "seconds since 1970",
        "first_of_training": min(times),
        "last_of_training": max(times),
    }
    assert found["history"]["max_length"] == HISTORY["max_length"]
    assert found["vocabularies"]["item"] == transformed.output.vocabulary_size_by_name("item")
    assert "validation_auc" in found["validation"]
    text = (version / contract.README).read_text()
    assert f"from {min(times)} to {max(times)}" in text and "None" not in text
    assert "; within users (gauc and the like): " in text
    assert "no click rates" not in text
    older = {name: of for name, of in found.items() if name != "drawn_negatives"}
    assert contract._readme(older) == text
    drawn = contract._readme(found | {"drawn_negatives": 4})
    assert "no click rates**: negatives were drawn, 4 for each positive" in drawn


def test_the_graph_does_not_tell_where_it_was_built(exported):
    transformed, version = exported
    graph = (version / "saved_model.pb").read_bytes()
    for folder in (transformed.folder, version.parent, Path.cwd()):
        assert str(folder).encode() not in graph


def test_nothing_in_the_graph_is_compiled_by_xla(exported):
    """TensorFlow Serving refuses that, unless it was started with XLA on CPU."""
    _, version = exported
    saved = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes())
    functions = saved.meta_graphs[0].graph_def.library.function
    assert functions
    for function in functions:
        for attributes in (function.attr, *(node.attr for node in function.node_def)):
            assert not attributes["_XlaMustCompile"].b


def test_warm_up_requests_are_scored(exported):
    _, version = exported
    served = SavedModel(str(version)).functions["score"]
    shapes = set()
    for record in tf.data.TFRecordDataset(str(version / warmup.FILE)).as_numpy_iterator():
        log = prediction_log_pb2.PredictionLog.FromString(record)
        request = log.predict_log.request
        assert request.model_spec.signature_name == "score"
        given = {n: tf.make_ndarray(t) for n, t in request.inputs.items()}
        scores = served(given)["probability"]
        assert np.isfinite(scores).all()
        shapes.add((given["history_item"].shape[1], scores.shape[1]))
    report = json.loads((version.parents[1] / "run" / "training.json").read_text())
    assert shapes == {(length, t) for _, length, _ in report["shapes"] for t in warmup.TARGETS}
