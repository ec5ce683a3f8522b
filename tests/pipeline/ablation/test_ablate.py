"""A tiny study from the command line to its files, and what a second call leaves alone."""

import csv
import json

import numpy as np
import pytest

from models import metrics
from models.metric_table import evaluate
from pipeline.cli import main

CONFIG = """
name: tiny
seed: 3
log:
  simulator: {users: 40, median_history: 60, max_history: 80, targets_per_user: 40}
label: {column: label}
history: {max_length: 32, match: 20, targets_per_example: 64}  # batches of few shapes
split: {by: user_tail, validation: 0.2, eval: 0.3}
model: {name: avg_pooling, item_dim: 8, category_dim: 8, short_seq_len: 0, mlp_units: [16]}
training: {epochs: 1, batch_users: 40}
"""
STUDY = """
question: Does the rate matter?
reference: as it is
variants:
  as it is: {}
  faster: {training.learning_rate: 0.05}
  three heads: {model.name: mirrn, model.num_heads: 3}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ablate") / "of [all] kinds?"  # no pattern
    folder.mkdir()
    (folder / "tiny.yaml").write_text(CONFIG)
    (folder / "ks.yaml").write_text(STUDY)
    return folder


@pytest.fixture
def ablate(folder, capfd):
    """Runs the study in this process, so that TFX is imported once; returns code and words."""

    def run(*arguments):
        code = main(
            [
                "ablate", "--config", str(folder / "tiny.yaml"), "--study", str(folder / "ks.yaml"),
                "--output-dir", str(folder / "out"), "--seeds", "1", *arguments,
            ]
        )  # fmt: skip
        return code, "".join(capfd.readouterr())

    return run


def test_a_study_from_start_to_page(folder, ablate):
    code, told = ablate("--workers", "1")
    assert code == 1, told  # one variant cannot be trained
    assert "three heads, seed 3: FAILED: " in told
    rows = json.loads((folder / "out/ks/results.json").read_text())["rows"]
    assert [row["variant"] for row in rows] == ["as it is", "faster", "three heads"]
    assert rows[2]["auc"] is None
    assert list(rows[2]["failures"]) == ["3"]
    (targets,) = (folder / "out/data").glob("*/eval-*.npz")
    columns = np.load(targets)
    by_auc = {}
    for path in (folder / "out/runs").glob("*/scores.npy"):
        scores, frozen = np.load(path), None
        if "frozen_order" in columns:
            frozen = np.empty_like(scores)
            frozen[columns["frozen_order"]] = np.load(path.with_name("frozen.npy"))
        found = metrics.Predictions(
            columns["label"], scores, columns["user"], columns["request"], frozen
        )
        assert rows[0]["protocol"] == found.protocol
        by_auc[metrics.auc(columns["label"], scores)] = evaluate(found, ["gauc"])["gauc"]
    assert sorted(row["auc"] for row in rows[:2]) == pytest.approx(sorted(by_auc))
    assert sorted(row["gauc"] for row in rows[:2]) == pytest.approx(sorted(by_auc.values()))
    oracle = metrics.auc(columns["label"], columns["oracle"])
    assert rows[0]["oracle_share"] == pytest.approx((rows[0]["auc"] - 0.5) / (oracle - 0.5))
    assert rows[1]["auc_difference"] == pytest.approx(rows[1]["auc"] - rows[0]["auc"])
    assert rows[1]["auc_lower"] <= rows[1]["auc_difference"] <= rows[1]["auc_upper"]
    assert rows[0]["parameters"] == rows[1]["parameters"] > 1000
    table = list(csv.DictReader((folder / "out/ks/results.csv").open()))
    assert [row["variant"] for row in table] == ["as it is", "faster", "three heads"]
    page = (folder / "out/ks/results.html").read_text()
    assert "Does the rate matter?" in page
    assert "cdn" not in page.split("<script>")[0]
    markdown = (folder / "out/ks/results.md").read_text()
    assert "| faster |" in markdown
    assert "- FAILED: three heads, seed 3: " in markdown
    assert "1 at a time" in markdown


def test_a_second_call_trains_nothing_that_is_finished(folder, ablate):
    (folder / "ks.yaml").write_text(STUDY.partition("  three heads")[0])
    before = {path: path.stat().st_mtime_ns for path in folder.glob("out/runs/*/result.json")}
    code, told = ablate()
    assert code == 0, told
    assert "2 of 2 runs were finished before" in told
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_bad_arguments_are_refused_at_once(ablate):
    code, told = ablate("--workers", "0")
    assert code == 2
    assert "--workers must be from 1 to 1000. Received: 0" in told
