"""Slices by configured features, against loops over the examples."""

from __future__ import annotations

import collections
import datetime
import math
import zoneinfo

import hypothesis
import hypothesis.strategies as st
import pyarrow as pa
import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from components.errors import InputError
from components.evaluator import slice_check
from components.evaluator.config import GateConfig
from components.scoring import feature_slices
from components.scoring.feature_slices import FeatureSlicer, FeatureSlices
from models.settings import PreprocessingSettings

ZONE = "America/New_York"
CONFIGURED = PreprocessingSettings.model_validate(
    {
        "features": {
            "author": {"of": "item", "column": "a"},
            "price": {"of": "item", "column": "p", "type": "number", "buckets": 4},
            "tags": {"of": "item", "column": "t", "type": "ids"},
            "cover": {"of": "item", "type": "vector", "file": "f", "key": "k", "dim": 3},
            "age": {"of": "user", "column": "u"},
            "income": {"of": "user", "column": "i", "type": "number", "boundaries": [1.5, 1e6]},
            "tab": {"of": "context", "column": "c"},
            "hour": {"from": "time", "as": "hour_of_day", "timezone": ZONE},
            "dwell": {"of": "event", "column": "d", "type": "number", "boundaries": [1.0]},
            "score": {"of": "user", "column": "s"},
        }
    }
).features
SLICED = {n: CONFIGURED[n] for n in ("author", "price", "age", "income", "tab", "hour")}
NAN = math.nan
WORD = st.sampled_from([b"", *(b"w%d" % n for n in range(30))])
NUMBER = st.sampled_from([NAN, -2.0, 1.0, 1.5, 2.25, 1e6, 3e6])
ITEM = st.tuples(WORD, NUMBER)
TARGET = st.fixed_dictionaries(
    {
        "target_item": st.integers(0, 9),  # of which the table knows some
        "target_time": st.integers(0, 2**31),
        "user_age": WORD,
        "user_income": NUMBER,
        "target_tab": WORD,
    }
)
TYPES = {
    "target_item": pa.int64(),
    "target_time": pa.int64(),
    "user_age": pa.binary(),
    "user_income": pa.float32(),
    "target_tab": pa.binary(),
}


def batch(targets):
    columns = {n: pa.array([[t[n]] for t in targets], pa.large_list(k)) for n, k in TYPES.items()}
    return pa.RecordBatch.from_pydict(columns)


def table(items):
    return pa.table(
        {
            "item_id": pa.array(list(items), pa.int64()),
            "item_author": pa.array([author for author, _ in items.values()], pa.binary()),
            "item_price": pa.array([price for _, price in items.values()], pa.float32()),
        }
    )


@hypothesis.settings(deadline=None)
@hypothesis.given(
    st.lists(TARGET, min_size=1, max_size=60), st.dictionaries(st.integers(0, 7), ITEM)
)
def test_every_target_has_the_slice_of_its_value(targets, items):
    slicer = FeatureSlicer(FeatureSlices(SLICED), table(items))
    assert slicer.reads == TYPES.keys()
    half = len(targets) // 2
    blocks = [batch(part) for part in (targets[:half], targets[half:])]
    cuts = feature_slices.cuts(SLICED, map(slicer.values, blocks))
    found = FeatureSlicer(FeatureSlices(SLICED, cuts=cuts), table(items)).columns(batch(targets))
    found = {name: column.to_pylist() for name, column in found.items()}

    raw = {
        "author": [items.get(t["target_item"], (b"", NAN))[0] for t in targets],
        "age": [t["user_age"] for t in targets],
        "tab": [t["target_tab"] for t in targets],
    }
    for name, values in raw.items():
        counts = collections.Counter(value for value in values if value)
        kept = sorted(counts, key=lambda value: (-counts[value], value))[:20]
        told = [
            "missing" if not value else value.decode() if value in kept else "other"
            for value in values
        ]
        assert found[name] == told

    def income(value):
        if math.isnan(value):
            return "missing"
        if value < 1.5:
            return "below 1.5"
        return "1.5 to 1000000" if value < 1e6 else "1000000 and more"

    assert found["income"] == [income(t["user_income"]) for t in targets]
    prices = [items.get(t["target_item"], (b"", NAN))[1] for t in targets]
    for value, told in zip(prices, found["price"], strict=True):
        assert math.isnan(value) == (told == "missing")
        if math.isnan(value):
            continue
        if told.startswith("below "):
            low, high = -math.inf, float(told.removeprefix("below "))
        elif told.endswith(" and more"):
            low, high = float(told.removesuffix(" and more")), math.inf
        else:
            low, high = map(float, told.split(" to "))
        assert low <= value < high
    zone = zoneinfo.ZoneInfo(ZONE)
    hours = [datetime.datetime.fromtimestamp(t["target_time"], zone).hour for t in targets]
    assert found["hour"] == hours


def test_a_number_without_boundaries_is_cut_at_its_deciles():
    slicer = FeatureSlicer(FeatureSlices({"price": CONFIGURED["price"]}), None)
    values = [pa.RecordBatch.from_pydict({"price": pa.array(range(1001), pa.float32())})]
    cuts = feature_slices.cuts({"price": CONFIGURED["price"]}, values)
    assert cuts == {"price": [float(n) for n in range(100, 1000, 100)]}
    assert slicer.reads == {"target_item"}
    constant = [pa.RecordBatch.from_pydict({"price": pa.array([2.0, NAN], pa.float32())})]
    assert feature_slices.cuts({"price": CONFIGURED["price"]}, constant) == {"price": [2.0]}


def schema():
    found = schema_pb2.Schema()
    kinds = {pa.int64(): schema_pb2.INT, pa.float32(): schema_pb2.FLOAT}
    for name, kind in TYPES.items():
        found.feature.add(name=name, type=kinds.get(kind, schema_pb2.BYTES))
    for name in ("history_tab", "item_author", "user_id"):
        found.feature.add(name=name, type=schema_pb2.BYTES)
    return found


@pytest.mark.parametrize(
    ("slices", "message"),
    [
        (["tags"], "'tags' holds several values"),
        (["cover"], "'cover' is a vector"),
        (["dwell"], "'dwell' is known of behaviours alone"),
        (["score"], "'score' is a column of the predictions already"),
        (["user_age"], r"Received: user_age. There are: age, author, hour, income.* tab, .*"),
        (["item_author"], "Received: item_author"),
        (["autor"], "Received: autor. There are: age, author"),
    ],
)
def test_what_targets_have_no_single_value_of_is_refused_before_anything_runs(slices, message):
    slice_check.check(GateConfig(slices=list(SLICED)), schema(), CONFIGURED)
    with pytest.raises(InputError, match=message):
        slice_check.check(GateConfig(slices=slices), schema(), CONFIGURED)


def test_bounds_on_a_feature_that_is_cut_into_ranges_are_refused():
    def check(feature, **rule):
        rules = [{"feature": feature, "min_auc": 0.6, **rule}]
        slice_check.check(GateConfig(slices=[], slice_rules=rules), schema(), CONFIGURED)

    check("income", equals="below 1.5")
    check("hour", at_least=20)
    with pytest.raises(InputError, match=r"Received: income, which is cut into ranges.* hour"):
        check("income", at_least=3)
    with pytest.raises(InputError, match="Received: tab, which is text"):
        check("tab", at_least=3)
