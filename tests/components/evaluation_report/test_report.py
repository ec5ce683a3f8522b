"""EvaluationReport on the outputs of real components, and its page in a real browser."""

from __future__ import annotations

import html.parser
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tfx.types import artifact_utils, channel_utils, standard_artifacts

from components.evaluation_report.artifact import Report
from components.evaluation_report.component import EvaluationReport
from components.evaluation_report.executor import Executor
from components.evaluator.config import GateConfig
from tests.components import raw_examples
from tests.components.statistics import statistics
from tests.components.toy_evaluation import evaluate, save_model

GATE = GateConfig(calibration=(0.5, 2.0), max_drop=0.01)
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


def eval_columns(examples: int) -> raw_examples.Columns:
    """Histories of many lengths, so that there is something to slice by."""
    columns = raw_examples.columns(examples, length=600, users=60, split="eval")
    lengths = np.exp(np.random.default_rng(1).uniform(0, np.log(600), examples)).astype(int)
    for name in ("history_item", "history_category", "history_time"):
        columns[name] = [v[-n:] for v, n in zip(columns[name], lengths, strict=True)]
    columns["slice_history_length"] = [[1 << (int(n).bit_length() - 1)] for n in lengths]
    return columns


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    """The report of a model that is better than the one before it."""
    folder = tmp_path_factory.mktemp("run")
    data = eval_columns(600)
    raw_examples.write(folder / "examples" / "Split-eval", raw_examples.serialized(data))
    (folder / "examples" / "counts.json").write_text(json.dumps(COUNTS))
    evaluation, blessing = evaluate(
        folder,
        folder / "examples",
        save_model(folder / "candidate", 0.9),
        save_model(folder / "baseline", 0.6),
        GATE,
    )
    for split, columns in (("train", raw_examples.columns(50, 3)), ("eval", data)):
        path = folder / "statistics" / f"Split-{split}" / "FeatureStats.pb"
        path.parent.mkdir(parents=True)
        path.write_bytes(statistics(columns).SerializeToString())
    (folder / "model_run").mkdir()
    (folder / "model_run" / "training.json").write_text(json.dumps(TRAINING))
    inputs = {
        "evaluation": standard_artifacts.ModelEvaluation(),
        "examples": standard_artifacts.Examples(),
        "statistics": standard_artifacts.ExampleStatistics(),
        "model_run": standard_artifacts.ModelRun(),
    }
    for name, artifact in inputs.items():
        artifact.uri = str(folder / name)
    inputs["statistics"].split_names = artifact_utils.encode_split_names(["train", "eval"])
    output = Report()
    output.uri = str(folder / "report")
    Executor().Do(
        {name: [artifact] for name, artifact in (inputs | {"blessing": blessing}).items()},
        {"report": [output]},
        {"config": json.dumps(CONFIG), "code": "x"},
    )
    assert inputs["evaluation"].uri == evaluation
    return folder / "report"


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


def test_the_page_tells_the_verdict_first_and_every_part(page):
    text = re.sub(r"\s+", " ", " ".join(page.text))
    parts = [
        "Blessed: this model ships",
        "AUC 0.", "is at least 0.51",
        "of the way from chance to the oracle",
        "Latest blessed", "Difference",
        "History length: 512–1,023", "User activity:",
        "Targets per second", "21,346",
        "Dropped, of 5,000 rows in the log", "negative time",
        "no anomaly", "slice_history_length",
        "compared with", "Configuration",
    ]  # fmt: skip
    positions = [text.find(part) for part in parts]
    assert -1 not in positions, dict(zip(parts, positions, strict=True))
    assert positions[0] == min(positions)
    assert "where: price > 0" not in text  # nothing was dropped for it
    assert page.charts == 4
    assert page.tables == 5


def test_what_comes_from_the_user_is_text(report, page):
    assert NAME in " ".join(page.text)
    assert "<script>alert" not in (report / "index.html").read_text()


def test_metrics_json_has_the_same_numbers(report, page):
    found = json.loads((report / "metrics.json").read_text())
    assert found["blessed"] is True
    overall = found["overall"]
    assert overall["difference"]["auc"] == pytest.approx(
        overall["candidate"]["auc"] - overall["baseline"]["auc"]
    )
    assert f"{overall['candidate']['auc']:.4f}" in page.text
    assert len(found["slices"]) == sum(
        "User activity:" in t or "History length:" in t for t in page.text
    )
    assert found["examples"] == COUNTS
    assert found["training"] == TRAINING
    assert found["lineage"]["compared with"].endswith("baseline")


def test_the_component_has_a_report_output():
    channels = {
        name: channel_utils.as_channel([artifact()])
        for name, artifact in {
            "evaluation": standard_artifacts.ModelEvaluation,
            "blessing": standard_artifacts.ModelBlessing,
            "examples": standard_artifacts.Examples,
            "statistics": standard_artifacts.ExampleStatistics,
            "model_run": standard_artifacts.ModelRun,
        }.items()
    }
    component = EvaluationReport(**channels, config="{}", code="x")
    assert component.outputs["report"].type is Report


def _browser() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


@pytest.mark.skipif(_browser() is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("width", [1280, 390])
def test_in_a_browser_every_chart_is_drawn_and_nothing_overflows(report, tmp_path, width):
    # The page tells what it looks like in its title, which --dump-dom prints.
    probe = """<script>addEventListener("load", () => setTimeout(() => {
      const wide = [...document.querySelectorAll("main *")].filter((e) =>
        !e.closest(".scroll, pre, .plot") && e.getBoundingClientRect().right > innerWidth + 1);
      document.title = JSON.stringify({
        width: innerWidth,
        overflow: document.documentElement.scrollWidth - innerWidth,
        wide: wide.map((e) => e.tagName + "." + e.className),
        drawn: [...document.querySelectorAll(".plot")].map((e) =>
          e.querySelectorAll(".scatterlayer .trace, .barlayer .trace").length),
        errors: window.faults,
      });
    }, 300));</script>"""
    listen = "<script>window.faults=[];onerror=(m)=>{faults.push(m)}</script>"
    page = (report / "index.html").read_text()
    page = page.replace("<head>", "<head>" + listen, 1).replace("</body>", probe + "</body>", 1)
    frame = tmp_path / "index.html"
    frame.write_text(page)
    # Headless Chromium refuses narrow windows: a frame has any width.
    outer = tmp_path / "outer.html"
    outer.write_text(
        f'<iframe id="f" src="index.html" style="width:{width}px;height:3000px"></iframe>'
        "<script>setInterval(()=>{document.title=f.contentDocument.title},100)</script>"
    )
    dom = subprocess.run(
        [_browser(), "--headless", "--no-sandbox", "--disable-gpu",
         "--allow-file-access-from-files",
         f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1600,1200",
         "--virtual-time-budget=8000", "--dump-dom", f"file://{outer}"],
        capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip
    found = json.loads(re.search(r"<title>(\{.*?\})</title>", dom).group(1))
    assert found["width"] == width
    assert found["overflow"] <= 0, found
    assert found["wide"] == []
    assert found["errors"] == []
    assert len(found["drawn"]) == 4
    assert all(found["drawn"]), found
