"""The Evaluator on toy models: table, metrics, verdict, blessing, and what obeys it."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import v1 as tfx
from tfx.components.pusher import executor as pusher
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from components.errors import InputError
from components.evaluator.tfma import read
from components.scoring import exported_model, predictions
from models import metric_table, metrics
from tests.components import raw_examples
from tests.components.toy_evaluation import (
    GATE,
    evaluate,
    save_blind_model,
    save_model,
    write_schema,
)


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
    write_schema(folder / "schema", data)
    return folder


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("good"), 0.9)


@pytest.fixture(scope="module")
def first(examples, good, tmp_path_factory):
    return evaluate(tmp_path_factory.mktemp("first"), examples, good)


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory):
    """Examples of which no two are of one request, and their columns."""
    columns = raw_examples.columns(400, length=30, users=40, split="eval", together=1)
    folder = tmp_path_factory.mktemp("one_by_one")
    raw_examples.write(folder / "Split-eval", raw_examples.serialized(columns))
    write_schema(folder / "schema", columns)
    return folder, columns


def expected(data, weight, rows):
    noise = (np.ravel(data["target_time"]) % 997 / 997)[rows]
    oracle = np.ravel(data["target_oracle"])[rows]
    labels, users = np.ravel(data["label"])[rows], np.ravel(data["user_id"])[rows]
    scores = (weight * oracle + (1 - weight) * noise).astype(np.float32)
    requests = np.ravel(data["target_request"])[rows]
    found = metrics.Predictions(labels, scores, users, requests)
    values = metric_table.evaluate(found) | metric_table.counts(found)
    oracle_auc = metrics.auc(labels, oracle.astype(np.float32))
    return values | {"oracle_auc": oracle_auc, "example_count": float(rows.sum())}


def test_every_slice_has_the_metrics_of_its_own_targets(data, first):
    found = read.sliced_metrics(first[0])
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


def test_slices_of_configured_features_reach_the_table_the_gate_and_tfma(tmp_path, good):
    """Of a user, of the context, and of an item, which lies in a split of its own."""
    data = raw_examples.columns(400, length=30, users=40, split="eval")
    users = np.ravel(data["user_id"])
    data["user_age"] = [[[b"", b"young", b"old"][user % 3]] for user in users]
    data["target_depth"] = [[float("nan") if n % 7 == 0 else float(n % 5)] for n in range(400)]
    items = {
        "user_id": [[0], [0]],
        "item_id": [list(range(250)), list(range(250, 490))],  # ten are not known
        "item_count": [[1] * 250, [1] * 240],
    }
    items["item_author"] = [[b"a%d" % (item % 2) for item in row] for row in items["item_id"]]
    raw_examples.write(tmp_path / "Split-eval", raw_examples.serialized(data))
    raw_examples.write(tmp_path / "Split-items", raw_examples.serialized(items))
    write_schema(tmp_path / "schema", data | items)
    configured = {
        "age": {"of": "user", "column": "x"},
        "author": {"of": "item", "column": "x"},
        "depth": {"of": "context", "column": "x", "type": "number", "boundaries": [0.0, 3.0]},
    }
    gate = GATE.model_copy(update={"slices": list(configured), "min_users": 5})
    evaluation, _ = evaluate(
        tmp_path / "run", tmp_path, good, gate=gate, configured=json.dumps({"features": configured})
    )
    wanted = {
        "age": ["young" if u % 3 == 1 else "old" if u % 3 else "missing" for u in users],
        "author": [f"a{i % 2}" if i < 490 else "missing" for i in np.ravel(data["target_item"])],
        "depth": [
            "missing" if math.isnan(d) else "3 and more" if d >= 3 else "0 to 3"
            for d in np.ravel(data["target_depth"])
        ],
    }
    found = read.sliced_metrics(evaluation)
    assert [tuple(*s.slice.items()) for s in found[1:]] == [
        ("age", "missing"), ("age", "old"), ("age", "young"),
        ("author", "a0"), ("author", "a1"), ("author", "missing"),
        ("depth", "0 to 3"), ("depth", "3 and more"), ("depth", "missing"),
    ]  # fmt: skip
    for one in found[1:]:
        ((name, value),) = one.slice.items()
        truth = expected(data, 0.9, np.array(wanted[name]) == value)
        assert one.candidate["predictions"] == truth["predictions"]
        assert one.candidate["auc"] == pytest.approx(truth["auc"], rel=1e-5)
    judged = [s["slice"] for s in read.verdict(evaluation)["intervals"]["slices"]]
    assert {"age": "missing"} in judged
    assert {"depth": "3 and more"} in judged


def test_the_table_holds_every_target_once_with_the_scores_that_were_judged(data, first):
    table = predictions.read(first[0]).to_pandas()
    assert list(table.columns) == [
        "user", "item", "category", "time", "request", "label", "score", "target_oracle",
        *GATE.slices,
    ]  # fmt: skip
    keys = ["user", "time", "item"]
    assert table[keys].equals(table[keys].sort_values(keys, ignore_index=True))
    names = {"user": "user_id", "item": "target_item", "time": "target_time", "label": "label"}
    raw = {name: np.ravel(data[feature]) for name, feature in names.items()}
    order = np.lexsort((raw["item"], raw["time"], raw["user"]))
    for name, values in raw.items():
        np.testing.assert_array_equal(table[name], values[order])
    auc = read.overall_metrics(first[0])["auc"]
    assert metrics.auc(table["label"], table["score"]) == pytest.approx(auc, abs=1e-6)


def test_the_first_good_model_is_blessed(first):
    evaluation, blessing = first
    assert blessing.get_int_custom_property("blessed") == 1
    assert json.loads(blessing.get_string_custom_property("failed_checks")) == []
    told = read.verdict(evaluation)["reasons"]
    assert any("no earlier blessed model" in reason for reason in told)
    assert all("must be" not in reason for reason in told)
    verdict = read.verdict(evaluation)
    assert verdict["sentence"] == blessing.get_string_custom_property("verdict")
    assert verdict["sentence"].startswith("Blessed: ")
    assert (verdict["targets"], verdict["users"], verdict["baseline"]) == (400, 40, None)
    assert set(read.overall_metrics(evaluation)) == {
        "auc", "gauc", "logloss", "calibration", "oracle_auc",
    }  # fmt: skip


def test_tfma_reads_and_shows_what_was_measured_and_decided(data, first):
    evaluation, _ = first
    result = tfma.load_eval_result(evaluation)
    assert len(result.slicing_metrics) > 3
    shown = tfma.view.render_slicing_metrics(result, slicing_column="slice_history_length")
    counts = {row["slice"]: row["metrics"][""][""]["example_count"] for row in shown.data}
    assert counts == {
        "slice_history_length:8": {"doubleValue": 134.0},
        "slice_history_length:16": {"doubleValue": 266.0},
    }
    assert shown.config == {"weightedExamplesColumn": "example_count"}

    buckets = tfma.view.render_plot(result).data["calibrationHistogramBuckets"]["buckets"]
    oracle, labels = np.ravel(data["target_oracle"]), np.ravel(data["label"])
    scores = 0.9 * oracle + 0.1 * (np.ravel(data["target_time"]) % 997 / 997)
    total = 0
    for bucket in buckets:
        lower, upper = bucket["lowerThresholdInclusive"], bucket["upperThresholdExclusive"]
        assert upper - lower == pytest.approx(0.001)
        within = (scores >= lower - 1e-6) & (scores < upper + 1e-6)
        assert bucket["numWeightedExamples"] <= within.sum()
        total += bucket["numWeightedExamples"]
    assert total == 400
    for key, truth in (
        ("totalWeightedLabel", labels), ("totalWeightedRefinedPrediction", scores)
    ):  # fmt: skip
        assert sum(bucket.get(key, 0) for bucket in buckets) == pytest.approx(truth.sum(), rel=1e-5)

    decided = tfma.load_validation_result(evaluation)
    assert decided.validation_ok
    assert not decided.missing_thresholds
    assert not decided.metric_validations_per_slice
    assert decided.validation_details.slicing_details[0].num_matching_slices == 1


def test_a_worse_second_model_is_refused_and_a_better_one_is_not(examples, good, tmp_path):
    worse = save_model(tmp_path / "worse", 0.3, number=2)
    evaluation, blessing = evaluate(tmp_path / "a", examples, worse, good)
    assert blessing.get_int_custom_property("blessed") == 0
    told = read.verdict(evaluation)["reasons"]
    assert any(
        reason.startswith("AUC is worse, certainly below the") and "latest blessed" in reason
        for reason in told
    )
    assert "tolerance" in json.loads(blessing.get_string_custom_property("failed_checks"))
    decided = tfma.load_validation_result(evaluation)
    assert not decided.validation_ok
    failures = decided.metric_validations_per_slice[0].failures
    assert [f.metric_key.name for f in failures][:1] == ["auc"]
    assert {f.message for f in failures} <= set(told)
    overall = read.sliced_metrics(evaluation)[0]
    assert overall.candidate["auc"] < overall.baseline["auc"]
    table = predictions.read(evaluation, ["label", "baseline_score"]).to_pandas()
    assert metrics.auc(table["label"], table["baseline_score"]) == pytest.approx(
        overall.baseline["auc"], abs=1e-6
    )
    result = tfma.load_eval_result(evaluation, model_name="candidate")
    assert len(result.slicing_metrics) > 3

    evaluation, blessing = evaluate(tmp_path / "b", examples, good, worse)
    assert blessing.get_int_custom_property("blessed") == 1
    assert any("of the latest blessed model (+" in r for r in read.verdict(evaluation)["reasons"])


def test_ids_may_be_of_any_script(data, good, tmp_path):
    names = ["café", "мода", "服", "plain"]
    texts = data | {
        "user_id": [[f"usér {row[0]}".encode()] for row in data["user_id"]],
    }
    for name in ("history_category", "target_category"):
        texts[name] = [[names[category % 4].encode() for category in row] for row in data[name]]
    raw_examples.write(tmp_path / "Split-eval", raw_examples.serialized(texts))
    write_schema(tmp_path / "schema", texts)
    gate = GATE.model_copy(update={"slices": ["target_category"]})
    evaluation, blessing = evaluate(tmp_path / "a", tmp_path, good, gate=gate)
    assert blessing.get_int_custom_property("blessed") == 1
    overall, *found = read.sliced_metrics(evaluation)
    truth = expected(data, 0.9, np.ones(400, bool))
    assert overall.candidate["gauc"] == pytest.approx(truth["gauc"], rel=1e-5)
    assert [s.slice["target_category"] for s in found] == sorted(names)


@pytest.mark.parametrize(
    ("scale", "reason"),
    [
        (0.0, "the model gives every target the same score, 0"),
        (math.nan, "400 of 400 scores of the model are NaN or infinite"),
    ],
)
def test_constant_and_nan_scores_are_refused(examples, tmp_path, scale, reason):
    model = save_model(tmp_path / "model", 0.9, scale)
    evaluation, blessing = evaluate(tmp_path, examples, model)
    assert blessing.get_int_custom_property("blessed") == 0
    assert reason in read.verdict(evaluation)["reasons"]


def test_a_baseline_whose_scores_became_nan_blocks_no_candidate(examples, good, tmp_path):
    broken = save_model(tmp_path / "broken", 0.9, math.nan, number=2)
    evaluation, blessing = evaluate(tmp_path, examples, good, broken)
    assert blessing.get_int_custom_property("blessed") == 1
    warning = (
        "400 of 400 scores of the latest blessed model are NaN or infinite, so it was not compared "
        "with: absolute rules alone decided"
    )
    assert warning in read.verdict(evaluation)["reasons"]
    assert warning in blessing.get_string_custom_property("verdict")


def test_a_baseline_that_reads_what_is_no_longer_there_refuses_or_judges_alone(
    data, good, tmp_path
):
    without = {name: values for name, values in data.items() if name != "target_oracle"}
    raw_examples.write(tmp_path / "Split-eval", raw_examples.serialized(without))
    write_schema(tmp_path / "schema", without)
    needs_less = save_blind_model(tmp_path / "blind")
    evaluation, blessing = evaluate(tmp_path / "a", tmp_path, needs_less, good)
    assert blessing.get_int_custom_property("blessed") == 0
    (reason,) = [r for r in read.verdict(evaluation)["reasons"] if "schema" in r]
    assert "it reads log.columns.oracle (float32, now missing)" in reason
    alone = {
        "on_schema_change": "judge_alone",
        "min_auc": 0.0,
        "min_gauc": None,
        "calibration": None,
    }
    alone = GATE.model_copy(update=alone)
    evaluation, blessing = evaluate(tmp_path / "b", tmp_path, needs_less, good, alone)
    assert blessing.get_int_custom_property("blessed") == 1
    sentence = read.verdict(evaluation)["sentence"]
    assert sentence.startswith("Blessed: AUC ")
    assert sentence.count("the schema changed") == 1


def test_what_an_earlier_model_reads_is_told_by_the_keys_of_the_configuration(tmp_path):
    names = ("history_item", "target_item", "history_behavior", "history_dwell", "target_oracle")
    spec = {name: tf.TensorSpec([None, None], tf.int64, name=name) for name in names}
    model = tf.Module()
    model.score = tf.function(lambda **given: {"probability": given["target_item"]})
    score = model.score.get_concrete_function(**spec)
    tf.saved_model.save(model, str(tmp_path / "model"), signatures={"score": score})
    schema = schema_pb2.Schema()
    for name in ("history_item", "target_item"):
        schema.feature.add(name=name, type=schema_pb2.BYTES)
    assert exported_model.incompatible(str(tmp_path / "model"), schema) == (
        "it reads log.columns.behavior (int64, now missing), features.dwell (int64, now "
        "missing), log.columns.item (int64, now string), log.columns.oracle (int64, now missing)"
    )


def test_the_resolver_finds_the_blessed_model_and_the_pusher_obeys(first, good, examples, tmp_path):
    refused_model = save_model(tmp_path / "refused", 0.1, number=2)
    _, refused = evaluate(tmp_path / "evaluated", examples, refused_model, good)
    strategy = tfx.dsl.experimental.LatestBlessedModelStrategy()
    resolved = strategy.resolve_artifacts(
        None, {"model": [good, refused_model], "model_blessing": [first[1], refused]}
    )
    assert resolved == {"model": [good], "model_blessing": [first[1]]}

    destination = tmp_path / "serving"
    push = {
        "push_destination": proto_utils.proto_to_json(
            tfx.proto.PushDestination(
                filesystem=tfx.proto.PushDestination.Filesystem(base_directory=str(destination))
            )
        )
    }
    for model, blessing, pushed in ((refused_model, refused, 0), (good, first[1], 1)):
        output = standard_artifacts.PushedModel()
        output.uri = str(tmp_path / f"pushed{pushed}")
        pusher.Executor(pusher.Executor.Context(tmp_dir=str(tmp_path), unique_id="1")).Do(
            {"model": [model], "model_blessing": [blessing]}, {"pushed_model": [output]}, push
        )
        assert output.get_int_custom_property("pushed") == pushed
        assert len(list(destination.glob("*/saved_model.pb"))) == pushed


def test_eight_bundles_and_text_ids_give_the_same(data, first, good, tmp_path):
    texts = dict(data)
    for name in ("user_id", "history_item", "history_category", "target_item", "target_category"):
        texts[name] = [[b"id-%d" % value for value in row] for row in data[name]]
    raw_examples.write(tmp_path / "Split-eval", raw_examples.serialized(texts), shards=8)
    write_schema(tmp_path / "schema", texts)
    evaluation, _ = evaluate(tmp_path, tmp_path, good)
    for one, eight in zip(
        read.sliced_metrics(first[0]), read.sliced_metrics(evaluation), strict=True
    ):
        assert one.slice == eight.slice
        np.testing.assert_allclose(
            list(eight.candidate.values()), list(one.candidate.values()), rtol=1e-12
        )
    assert predictions.read(evaluation)["user"].to_pylist()[0] == "id-0"


def test_where_requests_tell_nothing_histories_are_frozen_and_all_say_so(
    one_by_one, good, tmp_path
):
    folder, _ = one_by_one
    worse = save_model(tmp_path / "worse", 0.3, number=2)
    evaluation, _ = evaluate(tmp_path, folder, good, worse, drawn=3)
    table = predictions.read(evaluation)
    # These models read the target alone: freezing histories changes none of their scores.
    for score, frozen in (("score", "frozen_score"), ("baseline_score", "baseline_frozen_score")):
        np.testing.assert_allclose(table[frozen], table[score], rtol=1e-6)
    found = predictions.of_model(table)
    assert found.protocol == "frozen"
    values = metric_table.evaluate(found)
    overall = read.sliced_metrics(evaluation)[0]
    for name, metric in metric_table.METRICS.items():
        if metric.within_users:
            assert overall.candidate[name] == pytest.approx(values[name], rel=1e-6), name
    baseline = metric_table.evaluate(predictions.of_model(table, baseline=True))
    assert overall.baseline["gauc"] == pytest.approx(baseline["gauc"], rel=1e-6)
    verdict = read.verdict(evaluation)
    assert (verdict["protocol"], verdict["drawn_negatives"]) == ("frozen", 3)
    told = " ".join(check["sentence"] for check in verdict["checks"])
    assert "GAUC (frozen histories)" in told
    assert "calibration is not judged: it is of a mixture with negatives that were drawn" in told


def test_a_verdict_of_an_earlier_version_is_refused(tmp_path):
    (tmp_path / "gate.json").write_text('{"blessed": true}')
    with pytest.raises(InputError, match="earlier version, whose GAUC compared targets of"):
        read.verdict(str(tmp_path))
