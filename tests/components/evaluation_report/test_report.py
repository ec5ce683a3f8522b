"""EvaluationReport on the outputs of real components, and its page in a real browser."""

from __future__ import annotations

import html.parser
import json
import math
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow_model_analysis as tfma
from sklearn import metrics as sklearn_metrics
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.types import artifact_utils, channel_utils
from tfx.types.standard_artifacts import Model

from components.evaluation_report.artifact import Report
from components.evaluation_report.component import EvaluationReport, EvaluationReportSpec
from components.evaluation_report.executor import Executor
from components.evaluator.config import GateConfig
from components.page import figures
from tests.components import chromium, raw_examples
from tests.components.statistics import statistics
from tests.components.toy_evaluation import evaluate, save_model, write_schema

GATE = GateConfig(calibration=(0.5, 2.0), slices=["slice_history_length", "slice_user_activity"])
NAME = "toy <script>alert(1)</script>"
CONFIG = {"name": NAME, "model": {"name": "twin"}, "gate": GATE.model_dump()}
COUNTS = {
    "rows": 5000,
    "rows_kept": 4990,
    "users": 60,
    "dropped": {"no user": 7, "negative time": 3, "where: price > 0": 0},
    "splits": {
        "train": {"examples": 60, "targets": 3200, "users": 60, "positives": 1500},
        "validation": {"examples": 50, "targets": 400, "users": 50, "positives": 190},
        "eval": {"examples": 600, "targets": 600, "users": 60, "positives": 290},
    },
}
TRAINING = {
    "targets_per_second": 21345.6,
    "steps": 420,
    "seconds": 61.2,
    "epochs": 3,
    "peak_memory_mib": 1834.2,
    "importance": {"tab": 0.0104, "author": 0.0521, "age": -0.002, "<hour>": None},
    "gsu_recall": {
        "twin_per_head": {"overlap": 1.0, "mass_kept": 0.96, "output_error": 0.11},
        "sim_hard": {"overlap": 0.66, "mass_kept": 0.85, "output_error": 0.31},
        "recency": {"overlap": 0.05, "mass_kept": 0.2, "output_error": 1.2},
    },
    "curve": [
        {
            "epoch": epoch,
            "loss": 0.69 / epoch,
            "validation_loss": 0.7 / epoch,
            "validation_auc": 0.6 + 0.03 * epoch,
            "validation_gauc": None if epoch == 1 else 0.58 + 0.03 * epoch,
        }
        for epoch in (1, 2, 3)
    ],
}


def eval_columns(examples: int, together: int) -> raw_examples.Columns:
    """Histories of many lengths, so that there is something to slice by."""
    columns = raw_examples.columns(examples, length=600, users=60, split="eval", together=together)
    lengths = np.exp(np.random.default_rng(1).uniform(0, np.log(600), examples)).astype(int)
    for name in ("history_item", "history_category", "history_time"):
        columns[name] = [v[-n:] for v, n in zip(columns[name], lengths, strict=True)]
    columns["slice_history_length"] = [[1 << (int(n).bit_length() - 1)] for n in lengths]
    return columns


def write_report(
    folder: Path, model: Model, baseline: Model | None, together: int = 5, drawn: int = 0
) -> Path:
    """Evaluates a model, and writes its report; returns the report's folder."""
    data = eval_columns(600, together)
    raw_examples.write(folder / "examples" / "Split-eval", raw_examples.serialized(data))
    write_schema(folder / "examples" / "schema", data)
    (folder / "examples" / "counts.json").write_text(json.dumps(COUNTS))
    evaluation, blessing = evaluate(folder, folder / "examples", model, baseline, GATE, drawn)
    for split, columns in (("train", raw_examples.columns(50, 3)), ("eval", data)):
        path = folder / "statistics" / f"Split-{split}" / "FeatureStats.pb"
        path.parent.mkdir(parents=True)
        path.write_bytes(statistics(columns).SerializeToString())
        path = folder / "anomalies" / f"Split-{split}" / "SchemaDiff.pb"
        path.parent.mkdir(parents=True)
        path.write_bytes(anomalies_pb2.Anomalies().SerializeToString())
    (folder / "model_run").mkdir()
    (folder / "model_run" / "training.json").write_text(json.dumps(TRAINING))
    inputs = {name: parameter.type() for name, parameter in EvaluationReportSpec.INPUTS.items()}
    for name, artifact in inputs.items():
        artifact.uri = str(folder / name)
    inputs |= {"blessing": blessing, "model": model}
    inputs["schema"].uri = str(folder / "examples" / "schema")
    for name in ("statistics", "anomalies"):
        inputs[name].split_names = artifact_utils.encode_split_names(["train", "eval"])
    output = Report()
    output.uri = str(folder / "report")
    context = Executor.Context(tmp_dir=str(folder / "tmp"), unique_id="1", pipeline_run_id="run 7")
    Executor(context).Do(
        {name: [artifact] for name, artifact in inputs.items()},
        {"report": [output]},
        {"config": json.dumps(CONFIG), "code": "c0de"},
    )
    assert inputs["evaluation"].uri == evaluation
    return folder / "report"


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    """The report of a model that is better than the one before it."""
    folder = tmp_path_factory.mktemp("run")
    return write_report(
        folder, save_model(folder / "model", 0.9), save_model(folder / "baseline", 0.6)
    )


class _Page(html.parser.HTMLParser):
    """Collects what a page asks for, and its tables."""

    def __init__(self):
        super().__init__()
        self.asked: list[str] = []
        self.tables = self.charts = 0
        self.text: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.asked += [attributes[key] for key in ("src", "href") if key in attributes]
        self.tables += tag == "table"
        self.charts += attributes.get("class") == "plot"
        self._inside.append(tag)

    def handle_endtag(self, tag):
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data):
        if not {"script", "style"} & set(self._inside):
            self.text.append(data)


@pytest.fixture(scope="module")
def page(report) -> _Page:
    parser = _Page()
    parser.feed((report / "index.html").read_text())
    return parser


def test_the_page_needs_nothing_from_elsewhere(page):
    assert all(asked.startswith(("#", "data:")) for asked in page.asked), page.asked


def test_the_page_tells_the_verdict_first_and_every_part(report, page):
    text = re.sub(r"\s+", " ", " ".join(page.text))
    parts = [
        "Blessed: this model ships",
        json.loads((report / "metrics.json").read_text())["sentence"],
        "AUC 0.",
        "of the way from chance to the oracle",
        "95% interval", "Latest blessed", "Difference",
        "GAUC (within requests): only targets shown in one request are compared",
        "It stands on",
        "ROC", "Calibration", "Distribution of the scores",
        "AUC by history length",
        "History length: 512–1,023", "User activity:",
        "Loss by epoch", "Ranking of the validation split", "What searches keep",
        "Features by what the model owes to them",
        "21,346 targets per second", "1,834 MiB",
        "Dropped, of 5,000 rows in the log", "negative time",
        "no anomaly in train, eval",
        "Skew and drift", "No feature is farther", "Distance from train", "target_time",
        "slice_history_length",
        "run 7", "c0de", "data span", "parent model", "tfma.load_eval_result", "Configuration",
    ]  # fmt: skip
    positions = [text.find(part) for part in parts]
    assert -1 not in positions, dict(zip(parts, positions, strict=True))
    assert positions[0] == min(positions)
    assert "where: price > 0" not in text  # nothing was dropped for it
    assert page.charts == 8
    assert page.tables == 7
    losses = re.search(r"AUC lost author (\S+) tab (\S+) <hour> – age (\S+)", text)
    assert losses.groups() == ("+0.0521", "+0.0104", "−0.0020")


def test_what_comes_from_the_user_is_text(report, page):
    assert NAME in " ".join(page.text)
    assert "<script>alert" not in (report / "index.html").read_text()


def test_the_page_of_a_model_without_numbers_has_dashes(tmp_path):
    model = save_model(tmp_path / "model", 0.9, scale=math.nan)
    found = _Page()
    found.feed((write_report(tmp_path, model, None) / "index.html").read_text())
    text = re.sub(r"\s+", " ", " ".join(found.text))
    assert "Not blessed: 600 of 600 scores of the model are NaN or infinite." in text
    assert "AUC – chance that a click outranks a non-click" in text
    assert "nan" not in text


def test_a_latest_blessed_model_without_usable_scores_is_told_and_not_shown(tmp_path):
    model, broken = save_model(tmp_path / "a", 0.9), save_model(tmp_path / "b", 0.9, math.nan)
    folder, found = write_report(tmp_path, model, broken), _Page()
    found.feed((folder / "index.html").read_text())
    text = re.sub(r"\s+", " ", " ".join(found.text))
    warning = "600 of 600 scores of the latest blessed model are NaN or infinite, so it was not"
    assert warning in text
    assert "Latest blessed" not in text
    assert "AUC 0." in text
    numbers = json.loads((folder / "metrics.json").read_text())
    assert numbers["overall"]["baseline"] == {}
    assert set(numbers["curves"]) == {"candidate", "oracle"}
    assert any(warning in reason for reason in numbers["reasons"])


def test_frozen_histories_and_drawn_negatives_are_told_beside_the_numbers(tmp_path):
    model = save_model(tmp_path / "model", 0.9)
    folder, found = write_report(tmp_path, model, None, together=1, drawn=2), _Page()
    found.feed((folder / "index.html").read_text())
    text = re.sub(r"\s+", " ", " ".join(found.text))
    for part in (
        "GAUC (frozen histories)", "NDCG@10 (frozen histories)", "MRR (frozen histories)",
        "with the history as it stood at the first of them", "LogLoss (drawn negatives)",
        "Negatives were drawn, 2 for each positive: ranking is among these",
        "GAUC over time", "it is no measure of ranking",
    ):  # fmt: skip
        assert part in text, part
    cards = text[: text.index("Metrics over all targets")]
    assert "LogLoss" not in cards  # the numbers that are seen first speak of no click rate
    judged = json.loads((folder / "metrics.json").read_text())["evaluation"]
    assert (judged["protocol"], judged["drawn_negatives"]) == ("frozen", 2)


def test_names_of_the_user_are_no_marks_in_a_chart():
    assert figures.label("K < 20 & <b>") == "K &lt; 20 &amp; &lt;b&gt;"


def test_metrics_json_has_the_same_numbers(report, page):
    found = json.loads((report / "metrics.json").read_text())
    judged = found["evaluation"]
    assert (judged["targets"], judged["users"], judged["confidence"]) == (600, 60, GATE.confidence)
    assert found["blessed"] is True
    overall = found["overall"]
    assert overall["difference"]["auc"] == pytest.approx(
        overall["candidate"]["auc"] - overall["baseline"]["auc"]
    )
    interval = overall["intervals"]["auc"]
    assert interval["candidate"] == pytest.approx(overall["candidate"]["auc"])
    assert interval["lower"] < overall["difference"]["auc"] < interval["upper"]
    shown = (overall["candidate"]["auc"], interval["candidate_lower"], interval["candidate_upper"])
    text = " ".join(page.text)
    assert all(f"{value:.4f}" in text for value in shown)
    assert len(found["slices"]) == sum(
        "User activity:" in t or "History length:" in t for t in page.text
    )
    assert found["examples"] == COUNTS
    assert found["training"] == TRAINING
    assert found["lineage"]["parent model"].endswith("baseline")
    assert found["model_bytes"] == sum(
        path.stat().st_size for path in (report.parent / "model").rglob("*") if path.is_file()
    )


def test_curves_of_metrics_json_are_those_of_the_predictions(report):
    curves = json.loads((report / "metrics.json").read_text())["curves"]
    assert set(curves) == {"candidate", "baseline", "oracle"}
    table = pq.read_table(report.parent / "evaluation" / "predictions.parquet")
    for name, column in (("candidate", "score"), ("baseline", "baseline_score")):
        roc = curves[name]["roc"]
        area = sklearn_metrics.auc(roc["false_positive_rate"], roc["true_positive_rate"])
        expected = sklearn_metrics.roc_auc_score(table["label"], table[column])
        assert area == pytest.approx(expected, abs=0.005)
        assert sum(curves[name]["calibration"]["weight"]) == table.num_rows
        assert sum(curves[name]["distribution"]["positives"]) == pytest.approx(1)


def test_tfma_reads_the_evaluation_that_the_report_links(report):
    lineage = json.loads((report / "metrics.json").read_text())["lineage"]
    result = tfma.load_eval_result(lineage["evaluation"], model_name="candidate")
    metrics = {str(key): value for key, value in result.slicing_metrics}
    overall = json.loads((report / "metrics.json").read_text())["overall"]["candidate"]
    found = metrics["()"][""][""]
    assert found["auc"]["doubleValue"] == pytest.approx(overall["auc"])


def test_the_component_has_a_report_output():
    channels = {
        name: channel_utils.as_channel([parameter.type()])
        for name, parameter in EvaluationReportSpec.INPUTS.items()
    }
    component = EvaluationReport(**channels, config="{}", code="x")
    assert component.outputs["report"].type is Report


@chromium.needs_browser
@pytest.mark.parametrize("width", [1280, 390])
def test_in_a_browser_every_chart_is_drawn_and_nothing_overflows(report, tmp_path, width):
    found = chromium.look(report / "index.html", width, tmp_path)
    assert found["width"] == width
    assert found["errors"] == []
    assert found["overflow"] <= 0, found
    assert found["wide"] == []
    assert found["overlaps"] == []
    assert len(found["drawn"]) == 8
    assert all(found["drawn"]), found
    assert found["unnamed"] == 0
    assert len(found["regions"]) == 7
    assert all(found["regions"])
    assert len(found["sorted"]) == 3
    for table in found["sorted"]:
        assert table == {"focused": True, "reversed": True, "state": "descending"}
