"""The Evaluator on several labels and on weighted targets, against metrics of what it was given."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow_model_analysis as tfma

from components.evaluator.config import LabelRule
from components.scoring import predictions
from models import metric_table, metrics
from tests.components import raw_examples
from tests.components.toy_evaluation import (
    GATE,
    evaluate,
    save_model,
    save_model_of_labels,
    write_schema,
)


@pytest.fixture(scope="module")
def data():
    columns = raw_examples.columns(800, length=30, users=80, split="eval", seed=1)
    random = np.random.default_rng(8)
    label = np.ravel(columns["label"]) * (random.random(800) < 0.6)
    label[random.random(800) < 0.3] = np.nan
    columns["label_like"] = label[:, None].tolist()
    columns["target_weight"] = random.random((800, 1)).round(2).tolist()
    return columns


@pytest.fixture(scope="module")
def examples(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    raw_examples.write(folder / "Split-eval", raw_examples.serialized(data))
    write_schema(folder / "schema", data)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_model_of_labels(tmp_path_factory.mktemp("model"), 0.9)


def truth(data, label: str, weight: float) -> dict[str, float]:
    """Metrics of the label, of the toy model's scores where it is known."""
    noise = np.ravel(data["target_time"]) % 997 / 997
    oracle = np.ravel(data["target_oracle"])
    scores = oracle * noise if label == "label_like" else weight * oracle + (1 - weight) * noise
    known = ~np.isnan(np.ravel(data[label]))
    columns = (np.ravel(data[name])[known] for name in (label, "user_id", "target_request"))
    labels, users, requests = columns
    weights = np.ravel(data["target_weight"])[known]
    scores = scores[known].astype(np.float32)
    found = metrics.Predictions(labels, scores, users, requests, weights=weights)
    return metric_table.evaluate(found)


def gate_of(evaluation: str) -> dict:
    return json.loads(Path(evaluation, "gate.json").read_text())


def test_every_label_has_its_metrics_in_tfma_and_in_the_gate(data, examples, model, tmp_path):
    evaluation, blessing = evaluate(tmp_path, examples, model)
    assert blessing.get_int_custom_property("blessed")
    table = predictions.read(evaluation)
    assert predictions.labels(table.column_names) == ["like"]
    assert np.isnan(table["label_like"].to_numpy()).sum() == np.isnan(data["label_like"]).sum() > 50
    (overall,) = (m for m in tfma.load_metrics(evaluation) if not m.slice_key.single_slice_keys)
    by_label: dict[str, dict[str, float]] = {"": {}, "like": {}}
    for item in overall.metric_keys_and_values:
        by_label[item.key.output_name][item.key.name] = item.value.double_value.value
    for label, column in (("", "label"), ("like", "label_like")):
        expected = truth(data, column, 0.9)
        found = {name: by_label[label][name] for name in expected}
        assert found == pytest.approx(expected, rel=1e-5), label
    told = gate_of(evaluation)["intervals"]
    like, expected = told["labels"]["like"], truth(data, "label_like", 0.9)
    known = ~np.isnan(np.ravel(data["label_like"]))
    assert like["targets"] == known.sum()
    assert like["positives"] == np.nansum(data["label_like"])
    stands = [name for name in metric_table.JUDGED if like[name]["users"] >= GATE.min_users]
    assert {"auc", "logloss"} < set(stands)
    for name in stands:
        assert like[name]["candidate"] == pytest.approx(expected[name], rel=1e-5), name
        assert like[name]["candidate_lower"] < expected[name] < like[name]["candidate_upper"]


def test_a_rule_of_a_label_refuses(examples, model, tmp_path):
    gate = GATE.model_copy(update={"labels": {"like": LabelRule(min_auc=0.99)}})
    _, blessing = evaluate(tmp_path, examples, model, gate=gate)
    assert not blessing.get_int_custom_property("blessed")
    assert "AUC of like" in blessing.get_string_custom_property("verdict")
    assert "must be at least 0.99" in blessing.get_string_custom_property("verdict")


def test_a_label_is_compared_with_that_of_the_latest_blessed_model(examples, model, tmp_path):
    gate = GATE.model_copy(update={"labels": {"like": LabelRule(tolerance={"auc": 0.01})}})
    baseline = save_model_of_labels(tmp_path / "baseline", 0.8)
    evaluation, _ = evaluate(tmp_path, examples, model, baseline, gate)
    told = gate_of(evaluation)
    (check,) = (c for c in told["checks"] if "of like" in c["sentence"])
    assert check["passed"] and check["value"] == 0  # `like` has the same scores in both
    assert told["intervals"]["labels"]["like"]["auc"]["difference"] == 0


def test_a_model_before_there_was_the_label_is_compared_on_the_others(examples, model, tmp_path):
    gate = GATE.model_copy(update={"labels": {"like": LabelRule(tolerance={"auc": 0.01})}})
    baseline = save_model(tmp_path / "baseline", 0.9)
    evaluation, blessing = evaluate(tmp_path, examples, model, baseline, gate)
    assert blessing.get_int_custom_property("blessed")
    told = gate_of(evaluation)
    assert "difference" not in told["intervals"]["labels"]["like"]["auc"]
    assert "difference" in told["intervals"]["overall"]["auc"]
