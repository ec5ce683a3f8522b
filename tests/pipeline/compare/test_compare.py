"""Matching and comparing the predictions of two runs, against literal computations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics as sklearn_metrics

from components.errors import InputError
from components.scoring import predictions
from models import metrics
from pipeline.compare import compare, page, targets
from pipeline.run_folder.folder import Execution, RunFolder
from pipeline.run_folder.lineage import Artifact

PARAMETERS = {
    name: {"ingest_json": json.dumps({"split": {"eval": share}, "seed": 7}), "fingerprint": "x"}
    for name, share in (("a", 0.1), ("b", 0.2))
}


def table(count: int = 400, skill: float = 1.0, seed: int = 0) -> pa.Table:
    """Predictions of a model; the targets do not depend on `skill`."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, count).astype(np.float32)
    noise = random.normal(size=count) + np.random.default_rng(int(skill * 100)).normal(size=count)
    scores = 1 / (1 + np.exp(-(skill * labels + noise)))
    return pa.table(
        {
            "user": random.integers(0, 40, count),
            "item": random.integers(0, 9, count),
            "time": random.integers(0, 9, count),
            "request": np.zeros(count, np.int64),
            "label": labels,
            "score": scores.astype(np.float32),
            "slice_history_length": 2 ** random.integers(4, 6, count),
            "slice_novelty": random.choice(["item seen", "item unseen"], count),
        }
    )


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes the folder of a run from its predictions."""
    monkeypatch.setattr(
        targets,
        "executions",
        lambda path, _: [Execution(PARAMETERS[path.name], {}, {})],
    )
    monkeypatch.setattr(targets, "verdict", lambda _: {"drawn_negatives": 0})

    def make(name: str, content: pa.Table) -> RunFolder:
        predictions.write(content.to_batches(), str(tmp_path / name))
        artifact = Artifact(str(tmp_path / name), {})
        return RunFolder(tmp_path / name, "1", {"Evaluator": {"evaluation": artifact}})

    return make


def test_metrics_and_differences_are_those_of_the_matched_targets(run):
    a, b = table(skill=1.0), table(skill=3.0)
    found = targets.matched(run("a", a), run("b", b))
    assert found.targets == (400, 400)
    assert found.table.num_rows == 400
    assert found.differences == ("split.eval 0.1 and 0.2",)
    rows = compare.compare(found, replicas=200)
    auc = rows[0].metrics["auc"]
    expected = [sklearn_metrics.roc_auc_score(t["label"], t["score"]) for t in (a, b)]
    assert [auc.a, auc.b] == pytest.approx(expected)
    assert auc.difference == pytest.approx(expected[1] - expected[0])
    assert 0 < auc.lower < auc.difference < auc.upper
    logloss = rows[0].metrics["logloss"]
    assert logloss.b == pytest.approx(sklearn_metrics.log_loss(b["label"], b["score"]), abs=1e-5)
    assert [row.slice for row in rows] == [
        None,
        ("slice_history_length", "16"),
        ("slice_history_length", "32"),
        ("slice_novelty", "item seen"),
        ("slice_novelty", "item unseen"),
    ]
    part = np.asarray(a["slice_novelty"].to_pylist()) == "item seen"
    assert rows[3].targets == part.sum()
    assert rows[3].metrics["calibration"].a == pytest.approx(
        a["score"].to_numpy()[part].sum() / a["label"].to_numpy()[part].sum()
    )
    assert "is" in compare.sentence(rows[0], ("a", "b"))


def test_a_run_against_itself_differs_in_nothing(run):
    one = run("a", table(2000))
    for row in compare.compare(targets.matched(one, one), replicas=50):
        for found in row.metrics.values():
            assert found.difference == found.lower == found.upper == 0
            assert not found.told_apart


def test_targets_equal_in_user_item_and_time_keep_their_own_labels(run):
    same = {"user": [1, 1, 1, 2], "item": [5, 5, 5, 5], "time": [9, 9, 9, 9], "request": [0] * 4}
    a = pa.table(same | {"label": [0.0, 1.0, 0.0, 1.0], "score": [0.1, 0.9, 0.1, 0.6]})
    b = pa.table(same | {"label": [1.0, 0.0, 0.0, 1.0], "score": [0.8, 0.2, 0.2, 0.7]})
    found = targets.matched(run("a", a), run("b", b)).table
    pairs = zip(*(found[name].to_pylist() for name in ("label", "score", "score_b")), strict=True)
    assert sorted(pairs) == [(0.0, 0.1, 0.2), (0.0, 0.1, 0.2), (1.0, 0.6, 0.7), (1.0, 0.9, 0.8)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.slice(0, 300), "300 targets are in both, of 400 and 300"),
        (lambda t: t.set_column(4, "label", pa.array(1 - t["label"].to_numpy())), "other labels"),
        (lambda t: t.set_column(0, "user", t["user"].cast(pa.string())), "different types"),
        (lambda t: t.append_column("weight", pa.array(np.ones(400))), "one of them are weighted"),
    ],
)
def test_other_data_are_refused_with_what_differs(run, change, words):
    a, b = run("a", table()), run("b", change(table()))
    with pytest.raises(InputError, match=words) as caught:
        targets.matched(a, b)
    assert "split.eval 0.1 and 0.2" in str(caught.value)


def test_other_weights_are_refused(run):
    """Both runs are judged by those of the first."""
    one, other = (
        table().append_column("weight", pa.array(np.full(400, weight))) for weight in (1.0, 2.0)
    )
    with pytest.raises(InputError, match="400 of 400 targets have other weights"):
        targets.matched(run("a", one), run("b", other))
    assert targets.matched(run("a", one), run("b", one)).table.num_rows == 400


def test_a_label_beside_the_primary_one(run):
    """Compared over the targets where it is known, whatever the primary label is of them."""
    a, b = table(1000, skill=1.0), table(1000, skill=3.0)
    known = np.arange(1000) % 3 > 0
    like = np.where(known, np.arange(1000) % 5 == 0, np.nan)
    noise = np.random.default_rng(3).normal(size=[2, 1000])
    scores = [like + noise[0], 2 * like + noise[1]]
    two = []
    for one, score in zip((a, b), scores, strict=True):
        score = np.where(known, 1 / (1 + np.exp(-score)), 0.5)
        one = one.append_column("label_like", pa.array(like.astype(np.float32)))
        two.append(one.append_column("score_like", pa.array(score.astype(np.float32))))
    found = targets.matched(run("a", two[0]), run("b", two[1]), "like")
    assert found.targets == (known.sum(), known.sum())
    auc = compare.compare(found, replicas=50)[0].metrics["auc"]
    expected = [sklearn_metrics.roc_auc_score(like[known], score[known]) for score in scores]
    assert [auc.a, auc.b] == pytest.approx(expected)
    primary = compare.compare(targets.matched(run("a", two[0]), run("b", two[1])), replicas=50)
    assert primary[0].targets == 1000
    with pytest.raises(InputError, match=r"--label buy: .*/a has no such label .*there: like\)"):
        targets.matched(run("a", two[0]), run("b", two[1]), "buy")


def test_text_page_and_json_tell_the_same(run):
    found = targets.matched(run("a", table()), run("b", table(skill=3.0)))
    rows = compare.compare(found, replicas=50)
    printed = page.text(rows, ("a", "b"), found)
    html = page.page(rows, ("<a>", "b"), found, "400 targets")
    numbers = compare.to_json(rows, found)
    assert numbers["targets"] == {"a": 400, "b": 400, "matched": 400}
    for value in (rows[0].metrics["auc"].a, rows[1].metrics["gauc"].b):
        assert f"{value:.4f}" in printed
        assert f"{value:.4f}" in html
    assert json.loads(json.dumps(numbers, allow_nan=False))["comparisons"][0]["targets"] == 400
    assert "<a>" not in html
    assert numbers["differences"] == ["split.eval 0.1 and 0.2"]
    for text in (printed, html):
        assert "of these two models, and not of what other seeds" in text


def test_a_slice_of_one_label_has_no_auc_and_no_fault(run):
    one = table()
    labels = one["label"].to_numpy()
    one = one.set_column(7, "slice_novelty", pa.array(np.where(labels > 0, "item seen", "other")))
    found = targets.matched(run("a", one), run("b", one))
    rows = compare.compare(found, replicas=20)
    seen = next(row for row in rows if row.slice == ("slice_novelty", "item seen"))
    assert np.isnan(seen.metrics["auc"].difference)
    assert "–" in page.text(rows, ("a", "b"), found)
    assert compare.to_json(rows, found)["comparisons"]


def test_frozen_scores_are_compared_where_both_runs_have_them(run):
    a, b = (
        table(skill=skill).append_column(
            "frozen_score", pa.array(table(skill=skill, seed=9)["score"])
        )
        for skill in (1.0, 3.0)
    )
    found = targets.matched(run("a", a), run("b", b))
    assert found.label("mrr") == "MRR (frozen histories)"
    gauc = compare.compare(found, replicas=20)[0].metrics["gauc"]
    assert gauc.b == pytest.approx(
        metrics.gauc_over_time(b["label"], b["frozen_score"], b["user"].to_numpy())
    )
    assert compare.to_json([], found)["protocol"] == "frozen"
    without = targets.matched(run("a", a), run("b", b.drop_columns(["frozen_score"])))
    assert without.protocol == "request"


def test_few_users_have_values_and_no_interval(run):
    few = table(60).set_column(0, "user", pa.array([1, 2] * 30))
    (row, *_) = compare.compare(targets.matched(run("a", few), run("b", few)), replicas=20)
    assert row.users == 2
    assert np.isfinite(row.metrics["auc"].a)
    assert np.isnan(row.metrics["auc"].lower)
    told = "2 users, or the few that hold most targets or most of the rarer label, are too few to"
    assert compare.sentence(row, ("a", "b")).startswith(told)
