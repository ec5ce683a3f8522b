"""The fitted schema on real TFDV statistics: silent on good examples, loud on faults."""

from __future__ import annotations

import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.behavior_example_gen.config.ingest_config import IngestConfig
from components.errors import InputError
from components.schema import assemble
from tests.components import raw_examples
from tests.components.statistics import statistics


def ingest(ids="int", behavior=False, oracle=True, extras=(), **history) -> IngestConfig:
    named = {"user": "u", "item": "i", "category": "c"}
    columns = {part: {"column": column, "type": ids} for part, column in named.items()}
    columns["time"] = "t"
    if behavior:
        columns["behavior"] = {"column": "b", "type": "string"}
    if oracle:
        columns["oracle"] = "p"
    return IngestConfig.model_validate(
        {
            "log": {
                "files": "log.csv",
                "columns": columns,
            },
            "features": {
                name: {"of": "event", "type": "number", "column": name, "boundaries": [1.0]}
                for name in extras
            },
            "label": {"column": "label"},
            "history": history,
        }
    )


@pytest.fixture(scope="module")
def curated() -> schema_pb2.Schema:
    return text_format.Parse(assemble.CURATED.read_text(), schema_pb2.Schema())


def anomalies(schema, data, environment) -> dict[str, str]:
    found = tfdv.validate_statistics(statistics(data), schema, environment=environment)
    assert not found.dataset_anomaly_info.reason
    return {name: info.short_description for name, info in found.anomaly_info.items()}


@pytest.mark.parametrize("ids", ["int", "string"])
def test_good_examples_have_no_anomalies(curated, ids):
    schema = assemble.assemble(curated, ingest(ids))
    for split, environment, targets in (("train", "TRAINING", 3), ("eval", "EVALUATION", 1)):
        data = raw_examples.columns(40, targets, ids=ids, split=split)
        assert anomalies(schema, data, environment) == {}
    requests = raw_examples.columns(40, 5, ids=ids)
    for name in (
        "label",
        "target_request",
        "target_hist_end",
        "target_local_begin",
        "target_match",
    ):
        del requests[name]
    assert anomalies(schema, requests, "SERVING") == {}


def test_optional_features_follow_the_log(curated):
    names = {f.name for f in assemble.assemble(curated, ingest(oracle=False)).feature}
    assert not names & {"history_behavior", "NAME_number", "target_oracle"}
    full = assemble.assemble(curated, ingest(behavior=True, extras=["dwell", "rank"]))
    types = {f.name: f.type for f in full.feature}
    assert types["history_dwell"] == types["history_rank"] == schema_pb2.FLOAT
    assert types["history_behavior"] == schema_pb2.BYTES
    data = raw_examples.columns(40, 3)
    data["history_behavior"] = [[b"pv"] * 20] * 40
    data["history_dwell"] = data["history_rank"] = [[0.5] * 20] * 40
    assert anomalies(full, data, "TRAINING") == {}
    data["history_dwell"] = [[float("nan")] * 20] * 40
    assert anomalies(full, data, "TRAINING") == {}  # missing
    data["history_dwell"] = [[float("inf")] * 20] * 40
    assert anomalies(full, data, "TRAINING") == {"history_dwell": "Invalid values"}


FEATURES = {
    "author": {"of": "item", "column": "a"},
    "tags": {"of": "item", "column": "t", "type": "ids"},
    "price": {"of": "item", "column": "p", "type": "number", "buckets": 2},
    "cover": {"of": "item", "type": "vector", "file": "c.parquet", "key": "i", "dim": 2},
    "city": {"of": "user", "column": "c"},
    "likes": {"of": "user", "column": "l", "type": "ids", "max_values": 2},
    "tab": {"of": "context", "column": "b"},
    "hour": {"of": "context", "from": "time", "as": "hour_of_day"},
    "dwell": {"of": "event", "column": "d", "type": "number", "buckets": 2},
}


def test_configured_features_have_entries_and_items_an_environment(curated):
    plain = ingest(oracle=False).model_dump() | {"features": FEATURES}
    schema = assemble.assemble(curated, IngestConfig.model_validate(plain))
    nan = float("nan")
    train = raw_examples.columns(40, 3)
    train |= {"user_city": [[b"x"]] * 40, "user_likes": [[], *[[b"x", b"y"]] * 39]}
    train |= {"history_tab": [[b""] * 20] * 40, "target_tab": [[b"t", b"", b"u"]] * 40}
    train["history_dwell"] = [[nan, *[1.5] * 19]] * 40
    assert anomalies(schema, train, "TRAINING") == {}
    items = {"user_id": [[0], [0]], "item_id": [[1, 2], [3]], "item_count": [[0, 4], [1]]}
    items |= {"item_author": [[b"a", b""], [b"b"]], "item_price": [[nan, 1.0], [nan]]}
    items |= {"item_tags": [[], [b"x", b"y"]], "item_tags_length": [[0, 0], [2]]}
    items["item_cover"] = [[1.0, 2.0, nan, nan], [0.5, 0.5]]
    assert anomalies(schema, items, "ITEMS") == {}
    assert "item_author" in anomalies(schema, items | {"item_author": [[b""], []]}, "ITEMS")
    del items["item_count"]
    assert list(anomalies(schema, items, "ITEMS")) == ["item_count"]
    assert list(anomalies(schema, train | {"user_city": [[b"x", b"y"]] * 40}, "TRAINING")) == [
        "user_city"
    ]
    many = anomalies(schema, train | {"user_likes": [[b"x", b"y", b"z"]] * 40}, "TRAINING")
    assert list(many) == ["user_likes"]


def test_without_features_of_items_there_is_no_environment_of_theirs(curated):
    schema = assemble.assemble(curated, ingest(extras=["dwell"]))
    assert list(schema.default_environment) == ["TRAINING", "EVALUATION", "SERVING"]
    assert not any("ITEMS" in feature.not_in_environment for feature in schema.feature)


def test_histories_may_be_empty_only_if_configured(curated):
    data = raw_examples.columns(40, 3)
    for name in ("history_item", "history_category", "history_time"):
        data[name] = [[], *data[name][1:]]
    assert anomalies(assemble.assemble(curated, ingest(min_length=0)), data, "TRAINING") == {}
    assert set(anomalies(assemble.assemble(curated, ingest()), data, "TRAINING")) == {
        "history_item",
        "history_category",
        "history_time",
    }


def _without(name):
    return lambda data: data.pop(name)


def _in_one_example(name, values):
    return lambda data: data[name].__setitem__(7, values)


def _everywhere(name, values):
    return lambda data: data.__setitem__(name, [values] * len(data["label"]))


FAULTS = {
    "label missing": ("label", _without("label")),
    "label empty": ("label", _in_one_example("label", [])),
    "label NaN": ("label", _in_one_example("label", [float("nan"), 0.0, 1.0])),
    "label above 1": ("label", _in_one_example("label", [2.0, 0.0, 1.0])),
    "label below 0": ("label", _in_one_example("label", [-1.0, 0.0, 1.0])),
    "history missing": ("history_item", _without("history_item")),
    "history empty": ("history_category", _in_one_example("history_category", [])),
    "item as text": ("target_item", _everywhere("target_item", [b"shoe"])),
    "item as number with a fraction": ("history_item", _everywhere("history_item", [1.5])),
    "negative history time": ("history_time", _in_one_example("history_time", [-1, 5])),
    "negative target time": ("target_time", _in_one_example("target_time", [-5, 1, 2])),
    "negative history end": ("target_hist_end", _in_one_example("target_hist_end", [-1, 1, 2])),
    "negative local begin": (
        "target_local_begin",
        _in_one_example("target_local_begin", [-1, 1, 2]),
    ),
    "match below its padding": ("target_match", _in_one_example("target_match", [-2] * 12)),
    "two users in an example": ("user_id", _in_one_example("user_id", [1, 2])),
    "unknown feature": ("surprise", _everywhere("surprise", [1])),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_an_anomaly_of_its_feature(curated, fault):
    feature, spoil = FAULTS[fault]
    data = raw_examples.columns(40, 3)
    spoil(data)
    assert list(anomalies(assemble.assemble(curated, ingest()), data, "TRAINING")) == [feature]


@pytest.mark.parametrize(
    "feature", ["slice_history_length", "slice_user_activity", "target_oracle"]
)
def test_eval_needs_its_slices_and_oracle(curated, feature):
    schema = assemble.assemble(curated, ingest())
    data = raw_examples.columns(40, split="eval")
    del data[feature]
    assert list(anomalies(schema, data, "EVALUATION")) == [feature]


def test_drift_and_skew_are_seen(curated):
    schema = assemble.assemble(curated, ingest())
    before, after = raw_examples.columns(200, 3), raw_examples.columns(200, 3, seed=1)
    for changed in (False, True):
        if changed:
            after["target_category"] = [[10**6] * 3] * 200
        found = tfdv.validate_statistics(
            statistics(after),
            schema,
            environment="TRAINING",
            previous_statistics=statistics(before),
            serving_statistics=statistics(before),
        )
        reasons = [
            reason.short_description for reason in found.anomaly_info["target_category"].reason
        ]
        assert len(reasons) == (2 if changed else 0), reasons


def test_the_text_is_the_fitted_schema():
    texts = {ids: assemble.schema_text(ingest(ids)) for ids in ("int", "string")}
    assert len(set(texts.values())) == 2
    for text in texts.values():
        assert text_format.Parse(text, schema_pb2.Schema()).feature


def test_the_users_own_schema_is_taken_as_it_is(tmp_path):
    own = tmp_path / "own.pbtxt"
    own.write_text('feature { name: "x" type: INT }')
    assert 'name: "x"' in assemble.schema_text(ingest(), str(own))
    own.write_text("feature { nam")
    with pytest.raises(InputError, match=r"own\.pbtxt.*not a TFMD schema"):
        assemble.schema_text(ingest(), str(own))
    with pytest.raises(InputError, match=r"cannot read.*absent\.pbtxt"):
        assemble.schema_text(ingest(), str(tmp_path / "absent.pbtxt"))
