"""TFX's Evaluator with Everlong's configuration, metrics and extractors, on toy models."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow_model_analysis as tfma

from components.evaluator import reasons
from components.evaluator.config import GateConfig
from models import metrics
from tests.components import raw_examples
from tests.components.toy_evaluation import evaluate, save_model

GATE = GateConfig(min_gauc=0.5, calibration=(0.5, 2.0))


@pytest.fixture(scope="module")
def data():
    columns = raw_examples.columns(400, length=30, users=40, split="eval")
    # Of two lengths, so that batches of similar size mix the order of the examples.
    for name in ("history_item", "history_category", "history_time"):
        columns[name][::3] = [values[-9:] for values in columns[name][::3]]
    columns["slice_history_length"][::3] = [[8]] * len(columns["slice_history_length"][::3])
    return columns


@pytest.fixture(scope="module")
def examples(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    raw_examples.write(folder / "Split-eval", raw_examples.serialized(data))
    return folder


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("good"), 0.9)


@pytest.fixture(scope="module")
def first(examples, good, tmp_path_factory):
    return evaluate(tmp_path_factory.mktemp("first"), examples, good, gate=GATE)


def expected(data, weight, rows):
    noise = np.array([sum(times) % 997 / 997 for times in data["history_time"]])[rows]
    oracle = np.ravel(data["target_oracle"])[rows]
    labels, users = np.ravel(data["label"])[rows], np.ravel(data["user_id"])[rows]
    scores = (weight * oracle + (1 - weight) * noise).astype(np.float32)
    values = metrics.Predictions(labels, scores, users).metrics()
    return values | {"oracle_auc": metrics.auc(labels, oracle.astype(np.float32))}


def test_every_slice_has_the_metrics_of_its_own_targets(data, first):
    found = reasons.sliced_metrics(first[0])
    assert found[0].slice == {}
    names = [s.slice for s in found[1:]]
    assert names[:2] == [{"slice_history_length": "8"}, {"slice_history_length": "16"}]
    assert [int(s["slice_user_activity"]) for s in names[2:]] == sorted(
        {row[0] for row in data["slice_user_activity"]}
    )
    for found_slice in found:
        rows = np.ones(400, bool)
        for feature, value in found_slice.slice.items():
            rows &= np.ravel(data[feature]) == int(value)
        truth = expected(data, 0.9, rows)
        assert found_slice.candidate.keys() == truth.keys()
        for name, value in truth.items():
            assert found_slice.candidate[name] == pytest.approx(value, rel=1e-5, nan_ok=True), name
        assert found_slice.baseline == {}


def test_the_first_good_model_is_blessed(first):
    evaluation, blessing = first
    assert blessing.get_int_custom_property("blessed") == 1
    told = reasons.blessing_reasons(evaluation, GATE)
    assert any("no earlier blessed model" in reason for reason in told)
    assert all("must be" not in reason for reason in told)
    assert set(reasons.overall_metrics(evaluation)) == {
        "auc", "gauc", "logloss", "calibration", "oracle_auc",
    }  # fmt: skip
    # TFMA's own tools read it.
    assert len(tfma.load_eval_result(evaluation).slicing_metrics) > 3


def test_a_worse_second_model_is_refused_and_a_better_one_is_not(examples, good, tmp_path):
    worse = save_model(tmp_path / "worse", 0.5)
    evaluation, blessing = evaluate(tmp_path / "a", examples, worse, good, GATE)
    assert blessing.get_int_custom_property("blessed") == 0
    told = reasons.blessing_reasons(evaluation, GATE)
    assert [reason.split()[0] for reason in told] == ["AUC", "GAUC"]
    assert all("must be at most 0.001 below the" in reason for reason in told)
    overall = reasons.sliced_metrics(evaluation)[0]
    assert overall.candidate["auc"] < overall.baseline["auc"]

    evaluation, blessing = evaluate(tmp_path / "b", examples, good, worse, GATE)
    assert blessing.get_int_custom_property("blessed") == 1
    assert any("latest blessed model (+" in r for r in reasons.blessing_reasons(evaluation, GATE))


@pytest.mark.parametrize(
    ("scale", "reason"),
    [(0.0, "AUC 0.5000 must be at least 0.51"), (math.nan, "AUC nan must be at least 0.51")],
)
def test_constant_and_nan_scores_are_refused(examples, tmp_path, scale, reason):
    model = save_model(tmp_path / "model", 0.9, scale)
    evaluation, blessing = evaluate(tmp_path, examples, model, gate=GATE)
    assert blessing.get_int_custom_property("blessed") == 0
    assert reason in reasons.blessing_reasons(evaluation, GATE)


def test_a_gate_that_does_not_explain_the_verdict_is_refused(first):
    with pytest.raises(ValueError, match="`gate` is not the one"):
        # The verdict was "blessed"; by these rules nothing could be.
        impossible = GateConfig(min_auc=1.0, calibration=None, max_drop=None)
        reasons.blessing_reasons(first[0], impossible)


def test_eight_bundles_and_text_ids_give_the_same(data, first, good, tmp_path):
    texts = dict(data)
    for name in ("user_id", "history_item", "history_category", "target_item", "target_category"):
        texts[name] = [[b"id-%d" % value for value in row] for row in data[name]]
    raw_examples.write(tmp_path / "Split-eval", raw_examples.serialized(texts), shards=8)
    evaluation, _ = evaluate(tmp_path, tmp_path, good, gate=GATE)
    for one, eight in zip(
        reasons.sliced_metrics(first[0]), reasons.sliced_metrics(evaluation), strict=True
    ):
        assert one.slice == eight.slice
        np.testing.assert_allclose(
            list(eight.candidate.values()), list(one.candidate.values()), rtol=1e-12
        )
