"""A model that Everlong exported, served: numbers, the graph's own sentences, ranks."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from models import contract
from models.config import DinConfig
from models.example_request import ExampleRequests, as_json
from models.preprocessing import feature_sizes
from models.registry import build_model
from models.settings import HistorySettings
from models.signatures import ServingModule
from models.training_config import RunSettings
from pipeline.cli import main
from pipeline.serve.model import Model
from tests.models.transformed import HISTORY, serialize
from tests.pipeline.serve.tiny import Rest, Rpc, predict_request, running, wait_until

CONFIG = DinConfig(name="din", item_dim=8, category_dim=4, num_heads=2, mlp_units=(16,))
# The same sums of float32 in another order, as batches and threads choose.
OTHER_ORDER = 2e-5


@pytest.fixture(scope="module")
def exported(transformed_bytes, tmp_path_factory):
    """The folder of versions, and users that the model was not trained on; ids are texts."""
    folder = tmp_path_factory.mktemp("real")
    transformed = transformed_bytes
    sizes = feature_sizes(transformed.output, transformed.settings, None)
    model = build_model(CONFIG, sizes, seed=1)
    for variable in model.trainable_variables:  # far from the start, where all scores are 0.5
        variable.assign_add(tf.random.stateless_normal(variable.shape, [1, 2], stddev=0.3))
    span = 0, 401  # so that requests of today are of another age
    module = ServingModule(model, transformed.output, HistorySettings(**HISTORY), span)
    module.export(str(folder / ".staging-8"))
    given = transformed.fn_args(folder, {}).custom_config
    settings = RunSettings.from_custom_config(given)
    requests = contract.example_requests(module, transformed.output, settings, span)
    scores = np.array([0.25, 0.5])
    told = contract.of(module, transformed.output, settings, span, {}, scores, requests)
    contract.write(str(folder / ".staging-8"), told)
    (folder / "serving").mkdir()
    os.rename(folder / ".staging-8", folder / "serving" / "8")
    return folder / "serving", transformed.splits["validation"]


def test_both_protocols_against_the_signatures(exported):
    folder, examples = exported
    model = Model(folder / "8")
    serialized = [serialize(example) for example in examples]
    wanted = model.signature("serving_default")({"examples": np.array(serialized, object)})
    inputs = ExampleRequests.of_model(model.signature("score").inputs, str(model.path)).draw(20, 5)
    scores = model.signature("score")(inputs)["probability"]
    assert np.ptp(scores) > 0.001
    with running(folder) as server:
        rest, rpc = Rest(server.rest_port), Rpc(server.grpc_port)
        encoded = [{"b64": base64.b64encode(one).decode()} for one in serialized]
        status, answer = rest.post({"instances": encoded})
        assert status == 200
        found = np.array(answer["predictions"])
        np.testing.assert_allclose(found, wanted["probability"], atol=OTHER_ORDER)
        status, answer = rest.post(as_json(inputs).encode())
        assert status == 200
        np.testing.assert_allclose(answer["outputs"], scores, atol=OTHER_ORDER)
        request = predict_request(**dict.fromkeys(("target_brand", "history_length")))
        request.inputs.clear()
        for name, array in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
        found = tf.make_ndarray(rpc.prediction.Predict(request).outputs["probability"])
        np.testing.assert_allclose(found, scores, atol=OTHER_ORDER)

        body = json.loads(as_json(inputs))
        body["inputs"]["history_category"][0].pop()
        assert rest.post(body) == (
            400,
            {"error": "history_category: 19 columns where history_item has 20"},
        )
        misspelt = dict(examples[0])
        misspelt["target_itme"] = misspelt.pop("target_item")
        encoded = {"b64": base64.b64encode(serialize(misspelt)).decode()}
        status, answer = rest.post({"instances": [encoded]})
        assert status == 400
        assert answer["error"].startswith("target_item: 0 values where ")
        assert answer["error"].endswith("; a feature that is missing or misspelt has 0")


def test_a_history_that_is_misspelt_is_not_a_user_without_one(exported):
    folder, examples = exported
    with running(folder) as server:
        rest = Rest(server.rest_port)

        def ask(example):
            encoded = [{"b64": base64.b64encode(serialize(x)).decode()} for x in example]
            return rest.post({"instances": encoded})

        history = [name for name in examples[0] if name.startswith("history_")]
        no_history = examples[0] | {name: examples[0][name][:0] for name in history}
        no_history.pop("target_hist_end", None)
        misspelt = {name.replace("history", "hist"): x for name, x in no_history.items()}
        assert ask([no_history])[0] == 200
        status, answer = ask([no_history, misspelt])
        assert status == 400
        assert answer["error"].startswith(
            "history_category: is missing from example 1; of a user without a history it is there, "
            "without values. Received: hist_category, "
        )
        assert rest.post({"inputs": {"examples": []}}) == (
            400,
            {"error": "examples: holds nothing; ask about one user at least"},
        )


def test_a_version_of_which_a_part_was_copied_is_passed_over_until_all_is_there(exported, tmp_path):
    folder, _ = exported
    shutil.copytree(folder / "8", tmp_path / "8")
    whole = (tmp_path / "8" / "assets" / "item").read_bytes()
    (tmp_path / "8" / "assets" / "item").write_bytes(whole[:20])
    with running(tmp_path) as server:
        (state,) = server.versions.states()
        assert state.fault.startswith(f"assets/item has 20 bytes, of {len(whole)}: copy a version")
        (tmp_path / "8" / "assets" / "item").write_bytes(whole)
        wait_until(lambda: server.versions.version == 8)


def test_the_requests_of_the_readme_are_answered(exported):
    folder, _ = exported
    text = (folder / "8" / contract.README).read_text()
    (_, by_grpc) = re.findall(r"```python\n(.*?)```", text, re.S)
    (by_rest,) = re.findall(r"curl -d '(.*?)' localhost:8501(\S+)", text)
    with running(folder) as server:
        status, answer = Rest(server.rest_port).post(by_rest[0].encode())
        assert status == 200
        assert by_rest[1] == "/v1/models/everlong:predict"
        code = by_grpc.replace("VERSION", "8").replace(":8500", f":{server.grpc_port}")
        done = subprocess.run(
            [sys.executable, "-I", "-c", code],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = [float(number) for number in re.findall(r"[0-9.]+", done.stdout)]
    np.testing.assert_allclose([found], answer["outputs"], atol=1e-5)


def test_rank(exported, tmp_path, capfd):
    folder, _ = exported
    model = Model(folder / "8")
    inputs = ExampleRequests.of_model(model.signature("score").inputs, str(model.path)).draw(20, 5)
    scores = model.signature("score")(inputs)["probability"][0]
    (tmp_path / "request.json").write_text(as_json(inputs))
    words = ["--request", str(tmp_path / "request.json"), "--json"]
    assert main(["rank", "--model", str(folder), *words]) == 0
    rows = json.loads(capfd.readouterr().out)
    items = [item.decode() for item in inputs["target_item"][0]]
    order = sorted(range(5), key=lambda place: -scores[place])
    assert [row["target_item"] for row in rows] == [items[place] for place in order]
    found = [row["probability"] for row in rows]
    np.testing.assert_allclose(found, scores[order], atol=OTHER_ORDER)
