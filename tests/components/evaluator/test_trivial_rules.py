"""The rules' scores and AUCs, by hand and against loops over pairs."""

import math

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.evaluator import trivial_rules as rules
from tests.components import raw_examples

LISTS = pa.large_list(pa.int64())


def _batch(examples):
    columns = {
        name: pa.array([e[name] for e in examples], LISTS)
        for name in (
            "user_id", "history_item", "history_category", "history_time", "target_item",
            "target_category", "target_time", "target_request", "target_hist_end",
        )
    }  # fmt: skip
    columns["label"] = pa.array([e["label"] for e in examples], pa.large_list(pa.float32()))
    return pa.RecordBatch.from_pydict(columns)


def _example(item, category, end, label=1.0, request=0, user=1, time=100):
    return {
        "user_id": [user],
        "history_item": [5, 6, 5, 7],
        "history_category": [0, 1, 0, 1],
        "history_time": [10, 20, 30, 40],
        "target_item": [item],
        "target_category": [category],
        "target_time": [time],
        "target_request": [request],
        "target_hist_end": [end],
        "label": [label],
    }


def test_scores_by_hand():
    batch = _batch(
        [
            _example(5, 0, 4),  # seen at 10 and 30
            _example(5, 0, 2),  # of which only the first is visible
            _example(7, 1, 3),  # seen, but later than what is visible; its category at 20
            _example(9, 2, 0),  # nothing is visible
        ]
    )
    scored = rules.scores(batch, pa.array([6, 5, 7]))
    never = -math.inf
    assert {name: scored[name].to_pylist() for name in rules.RULES} == {
        "seen before": [1, 1, 0, 0],
        "popularity": [-1, -1, -2, -3],
        "item recency": [-70, -90, never, never],
        "category recency": [-70, -90, -80, never],
        "history length": [4, 2, 3, 0],
    }
    assert scored["user"].to_pylist() == [1] * 4
    assert scored["label"].to_pylist() == [1] * 4


def test_without_any_history():
    example = _example(5, 0, 0) | {f"history_{name}": [] for name in ("item", "category", "time")}
    scored = rules.scores(_batch([example]), pa.array([5]))
    assert scored["item recency"].to_pylist() == [-math.inf]
    assert rules.aucs([scored])["seen before"] == {"auc": None, "within_requests": None}
    assert rules.aucs([])["seen before"] == {"auc": None, "within_requests": None}


def _literal(rows, together):
    """The share of pairs of a click and a skip in which the click has the higher score."""
    right = [
        (click[3] > skip[3]) + (click[3] == skip[3]) / 2
        for click in rows
        for skip in rows
        if click[2] == 1 and skip[2] == 0 and (not together or click[:2] == skip[:2])
    ]
    return sum(right) / len(right) if right else None


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(0, 2),
            st.integers(0, 1),
            st.sampled_from([-math.inf, 0, 1]),
        ),
        min_size=1,
        max_size=20,
    ),
    st.integers(1, 19),
)
def test_aucs_count_pairs(rows, cut):
    columns = dict(zip(("user", "request", "label", "score"), zip(*rows, strict=True), strict=True))
    table = pa.table(
        {"user": [b"%d" % u for u in columns["user"]], "request": columns["request"]}
        | {"label": pa.array(columns["label"], pa.float32())}
        | {rule: pa.array(columns["score"], pa.float64()) for rule in rules.RULES}
    )
    parts = [*table.slice(0, cut).to_batches(), *table.slice(cut).to_batches()]
    found = rules.aucs(parts)
    for rule in rules.RULES:
        for name, together in (("auc", False), ("within_requests", True)):
            expected = _literal(rows, together)
            assert found[rule][name] == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize("ids", ["int", "string"])
def test_ids_of_both_kinds(ids):
    data = raw_examples.columns(50, users=7, ids=ids, split="eval")
    batch = ExamplesToRecordBatchDecoder().DecodeBatch(raw_examples.serialized(data))
    known = sorted({row[0] for row in data["target_item"]})
    scored = rules.scores(batch, pa.array(known))
    assert scored["popularity"].to_pylist() == [-known.index(x[0]) for x in data["target_item"]]
    histories = zip(data["target_item"], data["history_item"], strict=True)
    assert scored["seen before"].to_pylist() == [item[0] in past for item, past in histories]


def test_words():
    found = {"seen before": {"auc": 0.6844, "within_requests": None}}
    assert rules.words(found) == "seen before 0.684 (-)"


def test_rules_count_targets_by_weight_as_a_model_does():
    examples = [_example(5, 0, 4, 1.0), _example(5, 0, 4, 0.0), _example(9, 2, 4, 0.0)]
    batch = _batch(examples)
    weights = pa.array([[1.0], [1.0], [3.0]], pa.large_list(pa.float32()))
    weighted = batch.append_column("target_weight", weights)
    known = pa.array([5, 6, 7])
    assert rules.aucs([rules.scores(batch, known)])["seen before"]["auc"] == 0.75
    # Of pairs of weight 4, three are right and one is a tie.
    assert rules.aucs([rules.scores(weighted, known)])["seen before"]["auc"] == 0.875
