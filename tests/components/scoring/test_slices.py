"""Slicing columns against loops over the examples."""

from __future__ import annotations

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from components.errors import InputError
from components.evaluator import slice_check
from components.evaluator.config import GateConfig
from components.scoring import slices

EXAMPLE = st.integers(0, 6).flatmap(
    lambda length: st.fixed_dictionaries(
        {
            "history_item": st.lists(st.integers(0, 4), min_size=length, max_size=length),
            "history_category": st.lists(st.integers(0, 2), min_size=length, max_size=length),
            "target_item": st.integers(0, 4),
            "target_category": st.integers(0, 2),
            "target_hist_end": st.integers(0, length),
        }
    )
)


def batch(examples, text):
    """As the decoder gives them; ids as text or numbers."""
    columns = {}
    for name in ("history_item", "history_category", "target_item", "target_category"):
        rows = [e[name] if isinstance(e[name], list) else [e[name]] for e in examples]
        if text:
            rows = [[b"%d" % value for value in row] for row in rows]
        columns[name] = pa.array(rows, pa.list_(pa.binary() if text else pa.int64()))
    ends = [[e["target_hist_end"]] for e in examples]
    columns["target_hist_end"] = pa.array(ends, pa.list_(pa.int64()))
    return pa.RecordBatch.from_pydict(columns)


@hypothesis.given(st.lists(EXAMPLE, min_size=1, max_size=8), st.booleans())
def test_novelty_looks_at_the_visible_history_only(examples, text):
    truth = []
    for example in examples:
        end = example["target_hist_end"]
        if example["target_item"] in example["history_item"][:end]:
            truth.append("item seen")
        elif example["target_category"] in example["history_category"][:end]:
            truth.append("item unseen")
        else:
            truth.append("category unseen")
    assert slices.novelty(batch(examples, text)).to_pylist() == truth


def test_ranks_are_powers_of_two_and_0_where_training_knows_nothing():
    vocabulary = [b"50", b"7", b"9", b"1", b"3"]
    ids = [50, 7, 9, 1, 3, 8]
    expected = [1, 2, 2, 4, 4, 0]
    assert slices.item_rank(pa.array(ids), vocabulary).to_pylist() == expected
    text = pa.array([b"%d" % value for value in ids])
    assert slices.item_rank(text, vocabulary).to_pylist() == expected


def test_items_that_only_a_table_knows_are_not_in_training(monkeypatch):
    vocabulary = [b"50", b"7", b"9", b"1"]

    class Output:
        def __init__(self, uri):
            assert uri == "graph"

        def vocabulary_by_name(self, name):
            return vocabulary

    monkeypatch.setattr(slices.tft, "TFTransformOutput", Output)
    examples = pa.RecordBatch.from_pydict({"target_item": pa.array([[50], [9], [1], [8]])})
    for trained, expected in ((None, [1, 2, 4, 0]), (2, [1, 0, 0, 0])):
        slicer = slices.Slicer(["slice_item_rank"], "graph", trained)
        assert slicer.columns(examples)["slice_item_rank"].to_pylist() == expected


def test_rare_categories_share_a_slice():
    assert slices.frequent(pa.array([3, 5, 3]), [b"3"]).to_pylist() == ["3", "other", "3"]
    assert slices.frequent(pa.array([b"a", b"b"]), [b"b"]).to_pylist() == ["other", "b"]


def test_a_slicer_says_what_it_reads_and_takes_any_feature_with_one_value():
    slicer = slices.Slicer(["country", "slice_novelty"], "unused")
    examples = batch(
        [{"history_item": [1], "history_category": [1], "target_item": 1, "target_category": 1,
          "target_hist_end": 1}], False
    )  # fmt: skip
    assert slicer.reads == {"country", *examples.schema.names}
    examples = examples.append_column("country", pa.array([[b"fr"]]))
    found = slicer.columns(examples)
    assert {name: column.to_pylist() for name, column in found.items()} == {
        "country": ["fr"],
        "slice_novelty": ["item seen"],
    }


@pytest.mark.parametrize(
    ("values", "message"),
    [([[1], [2, 3]], "3 values in 2 examples"), ([[1], None], "exactly one value")],
)
def test_a_feature_that_has_not_one_value_is_refused(values, message):
    examples = pa.RecordBatch.from_arrays([pa.array(values, pa.list_(pa.int64()))], ["x"])
    with pytest.raises(InputError, match=message):
        slices.single(examples, "x")
    with pytest.raises(InputError, match=r"no feature 'y'. They have: \['x'\]"):
        slices.single(examples, "y")


def test_what_the_examples_do_not_have_is_refused_before_anything_runs():
    schema = schema_pb2.Schema()
    for name in ("user_id", "history_item", "target_match"):
        schema.feature.add(name=name)
    known = ["user_id", "slice_item_rank", "slice_novelty", "slice_category"]
    slice_check.check(GateConfig(slices=known), schema, {})
    message = "Received: age, history_item. There are: slice_category.*user_id"
    with pytest.raises(InputError, match=message):
        slice_check.check(GateConfig(slices=["age", "user_id", "history_item"]), schema, {})


@pytest.mark.parametrize("feature", ["slice_category", "slice_novelty", "user_id"])
def test_bounds_on_a_text_are_refused_before_anything_runs(feature):
    schema = schema_pb2.Schema()
    schema.feature.add(name="user_id", type=schema_pb2.BYTES)
    schema.feature.add(name="slice_user_activity", type=schema_pb2.INT)

    def check(feature, **rule):
        rules = [{"feature": feature, "min_auc": 0.6, **rule}]
        slice_check.check(GateConfig(slices=[], slice_rules=rules), schema, {})

    check(feature, equals="x")
    check("slice_user_activity", at_least=3)
    message = f"Received: {feature}, which is text. .* slice_item_rank, slice_user_activity"
    with pytest.raises(InputError, match=message):
        check(feature, at_least=3)


def test_ranks_of_all_vocabulary_places():
    vocabulary = [b"%d" % i for i in range(1000)]
    found = slices.item_rank(pa.array(np.arange(1000)), vocabulary).to_numpy()
    assert all(rank <= place < 2 * rank for place, rank in enumerate(found, 1))
