"""`everlong predict`, `compare` and `report` on a finished run, and on folders that are none."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models import metrics
from models.metric_table import evaluate
from pipeline.cli import main
from tests.components import chromium
from tests.e2e.conftest import CONFIG, Run

pytestmark = pytest.mark.slow
KEYS = ["user", "item", "time", "label"]


def predict(model: Path | str, out: Path, *arguments: str) -> int:
    return main(["predict", "--model", str(model), "--config", str(CONFIG), "--out", str(out),
                 *arguments])  # fmt: skip


def metrics_of(table: pa.Table) -> dict[str, float]:
    columns = (table[name].to_numpy() for name in ("label", "score", "user", "request"))
    return evaluate(metrics.Predictions(*columns))


def sorted_scores(table: pa.Table) -> tuple[list, np.ndarray]:
    table = table.sort_by([(key, "ascending") for key in KEYS])
    return table.select(KEYS).to_pylist(), table["score"].to_numpy()


@pytest.fixture(scope="module")
def predicted(finished: Run, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    """The eval split, scored by the pushed model on the examples of its run."""
    out = tmp_path_factory.mktemp("predicted") / "eval.parquet"
    assert predict(finished.pushed_model, out) == 0
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    return pq.read_table(out)


def test_reported_metrics_can_be_computed_from_the_predictions(finished: Run, predicted: pa.Table):
    assert predicted.column_names == [*KEYS[:3], "request", "label", "score"]
    assert predicted.num_rows == finished.summary["examples"]["eval"]
    found = metrics_of(predicted)
    within = ["gauc"] if finished.summary["protocol"] == "request" else []
    for name in ("auc", "logloss", "calibration", *within):
        assert found[name] == pytest.approx(finished.summary["metrics"][name], abs=1e-6)


def test_ids_are_those_of_the_log(predicted: pa.Table, tmp_path: Path):
    assert main(["simulate", "--config", str(CONFIG), "--out", str(tmp_path / "log.parquet")]) == 0
    log = pq.read_table(tmp_path / "log.parquet", columns=["user_id", "item_id", "time", "label"])
    known = {tuple(row.values()) for row in log.to_pylist()}
    assert {tuple(row.values()) for row in predicted.select(KEYS).to_pylist()} <= known


def test_the_log_is_ingested_anew_where_no_run_has_its_examples(
    finished: Run, predicted: pa.Table, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    model = shutil.copytree(finished.pushed_model, tmp_path / "copied" / "1")
    out = tmp_path / "eval.parquet"
    assert predict(model.parent, out, "--output-dir", str(tmp_path / "nothing")) == 0
    assert "ingesting the log" in capfd.readouterr().out
    rows, scores = sorted_scores(pq.read_table(out))
    expected_rows, expected = sorted_scores(predicted)
    assert rows == expected_rows
    np.testing.assert_allclose(scores, expected, atol=1e-6)
    assert {path.name for path in tmp_path.iterdir()} == {"copied", "eval.parquet"}


def test_every_split_can_be_scored(finished: Run, tmp_path: Path):
    counts = next(finished.output.glob("artifacts/BehaviorExampleGen/**/counts.json"))
    splits = json.loads(counts.read_text())["splits"]
    for split in ("train", "validation"):
        out = tmp_path / f"{split}.parquet"
        assert predict(finished.output, out, "--split", split) == 0
        found = pq.read_table(out)
        assert found.num_rows == splits[split]["targets"]
        assert found["label"].to_numpy().sum() == splits[split]["positives"]


def test_a_run_compared_with_itself_differs_in_nothing(
    finished: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    numbers, page = tmp_path / "c.json", tmp_path / "c.html"
    run = str(finished.output)
    assert main(["compare", run, run, "--json", str(numbers), "--html", str(page)]) == 0
    printed = capfd.readouterr().out
    assert "550 targets matched, of 550" in printed
    overall = json.loads(numbers.read_text())["comparisons"][0]
    within = ["gauc"] if finished.summary["protocol"] == "request" else []
    for name in ("auc", "logloss", "calibration", *within):
        assert overall[name]["a"] == pytest.approx(finished.summary["metrics"][name], abs=1e-6)
        assert overall[name]["difference"] == overall[name]["lower"] == overall[name]["upper"] == 0
    assert f"{overall['auc']['a']:.4f}" in printed
    if chromium.browser():
        found = chromium.look(page, 390, tmp_path)
        assert found["errors"] == []
        assert found["overflow"] <= 0
        assert found["overlaps"] == []
        assert all(found["drawn"])


def test_the_report_written_anew_has_the_numbers_of_the_run(finished: Run, tmp_path: Path):
    out = tmp_path / "page.html"
    assert main(["report", str(finished.output), "--out", str(out)]) == 0
    made = json.loads(
        finished.here(finished.summary["report"]).with_name("metrics.json").read_text()
    )
    anew = json.loads((tmp_path / "page.json").read_text())
    for name, told in made["lineage"].items():
        if "/artifacts/" in told:  # as the copy has them
            made["lineage"][name] = str(finished.here(told))
    assert anew == made
    assert anew["lineage"]["configuration"] == finished.summary["config_hash"]
    assert made["sentence"] in out.read_text()
    if chromium.browser():
        for width in (1280, 390):
            found = chromium.look(out, width, tmp_path)
            assert found["errors"] == []
            assert found["overflow"] <= 0
            assert found["wide"] == []
            assert found["overlaps"] == []
            assert all(found["drawn"])
            assert all(found["regions"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["report", "{empty}"], "holds no run"),
        (["report", "{nowhere}"], "there is no such folder"),
        (["report", "{broken}"], "is no sound ML Metadata"),
        (["report", "{half}"], "has not finished EvaluationReport"),
        (["report", "{run}", "--out", "{nowhere}/x.html"], "in a folder that exists"),
        (["report", "{run}", "--out", "/proc/x.html"], "/proc cannot be written"),
        (["compare", "{run}", "{empty}"], "holds no run"),
        (["compare", "{half}", "{run}"], "has not finished Evaluator"),
        (["compare", "{run}", "{run}", "--json", "{nowhere}/x"], "in a folder that exists"),
        (["compare", "{run}", "{run}", "--html", "{empty}"], "in a folder that exists"),
        (["compare", "{run}", "{run}", "--html", "/proc/x"], "/proc cannot be written"),
        (["predict", "--split", "evla"], "there are train, validation, eval"),
        (["predict", "--model", "{empty}"], "holds neither a SavedModel nor a run"),
        (["predict", "--config", "nothing.yaml"], "nothing.yaml"),
        (["predict", "--out", "{empty}/x.csv"], "must be FILE.parquet"),
        (["predict", "--out", "/proc/x.parquet"], "/proc cannot be written"),
        (["predict", "--set", "log.simulator=null", "--set", "log.files=nothing.csv",
          "--set", "log.columns={{user: u, item: i, time: t}}"], "nothing.csv"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_line(
    finished: Run, half: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    arguments: list[str], words: str,
):  # fmt: skip
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "metadata.sqlite").write_text("this is no database")
    places = {name: tmp_path / name for name in ("broken", "empty", "nowhere")}
    places |= {"run": finished.output, "half": half}
    command = [argument.format(**places) for argument in arguments]
    if command[0] == "predict":
        given = {"--model": str(finished.output), "--config": str(CONFIG),
                 "--out": str(tmp_path / "x.parquet")}  # fmt: skip
        command += [x for key, value in given.items() if key not in command for x in (key, value)]
    assert main(command) == 2
    shown = capfd.readouterr()
    assert words in shown.err
    assert shown.err.count("\n") == 1, shown.err
    assert "Traceback" not in shown.out + shown.err


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("compare", "predictions.parquet"),
        ("report", "predictions.parquet"),
        ("report", "gate.json"),
    ],
)
def test_a_damaged_or_missing_file_of_a_run_is_named(
    finished: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str], command: str, name: str
):
    run = str(finished.output)
    given = [run, "--out", str(tmp_path / "x.html")] if command == "report" else [run, run]
    report = finished.here(finished.summary["report"])
    numbers = json.loads(report.with_name("metrics.json").read_text())
    path = finished.here(numbers["lineage"]["evaluation"]) / name
    whole = path.read_bytes()
    try:
        for content, words in ((whole[: len(whole) // 2], "is damaged"), (None, "is gone")):
            path.unlink()
            if content is not None:
                path.write_bytes(content)
            assert main([command, *given]) == 2
            shown = capfd.readouterr()
            assert f"{path} {words}" in shown.err
            assert "--from-node" in shown.err
            assert shown.err.count("\n") == 1
    finally:
        path.write_bytes(whole)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name", ["saved_model.pb", "variables/variables.data*", "variables/variables.index"]
)
def test_a_model_that_cannot_be_loaded_is_named(finished: Run, tmp_path: Path, capfd, name: str):
    model = tmp_path / "model"
    shutil.copytree(finished.pushed_model, model)
    (path,) = model.glob(name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert predict(model, tmp_path / "x.parquet") == 2
    shown = capfd.readouterr().err
    assert shown.startswith(f"everlong: --model {model}: cannot be loaded, as its files are ")
    assert shown.count("\n") == 1


@pytest.mark.parametrize(
    "name",
    [
        "Evaluator/evaluation/*/metrics-*",
        "StatisticsGen/statistics/*/Split-eval/FeatureStats.pb",
        "ImportSchemaGen/schema/*/schema.pbtxt",
    ],
)
def test_a_report_of_damaged_results_names_them(finished: Run, tmp_path: Path, capfd, name: str):
    run = tmp_path / "run"
    shutil.copytree(finished.output, run)
    (path,) = run.glob(f"artifacts/{name}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert main(["report", str(run)]) == 2
    shown = capfd.readouterr().err
    folder = path.parent.parent if path.parent.name == "Split-eval" else path.parent
    assert f"{folder} is damaged: it holds " in shown
    assert "the same `everlong run` makes it again" in shown


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("Evaluator/evaluation/*/gate.json", lambda text: text.replace(b"0.", b"0.9", 1)),
        ("BehaviorExampleGen/examples/*/counts.json", lambda text: text.replace(b"1", b"2", 1)),
        ("Trainer/model_run/*/training.json", lambda text: text.replace(b"1", b"2", 1)),
    ],
)
def test_a_report_of_edited_results_names_them(finished: Run, tmp_path: Path, capfd, name, edit):
    run = tmp_path / "run"
    shutil.copytree(finished.output, run)
    (path,) = run.glob(f"artifacts/{name}")
    assert edit(path.read_bytes()) != path.read_bytes()
    path.write_bytes(edit(path.read_bytes()))
    assert main(["report", str(run), "--out", str(tmp_path / "x.html")]) == 2
    assert f"{path.parent} is damaged: it holds " in capfd.readouterr().err
    assert not list(tmp_path.glob("x.*"))


def test_a_comparison_of_edited_predictions_names_them(finished: Run, tmp_path: Path, capfd):
    run = tmp_path / "run"
    shutil.copytree(finished.output, run)
    (path,) = run.glob("artifacts/Evaluator/evaluation/*/predictions.parquet")
    table = pq.read_table(path)
    for name, cells in (("score", table["label"]), ("label", pa.array(np.ones(len(table))))):
        place = table.column_names.index(name)
        pq.write_table(table.set_column(place, name, cells.cast(table[name].type)), path)
        assert main(["compare", str(finished.output), str(run)]) == 2
        assert f"{path.parent} is damaged: it holds " in capfd.readouterr().err


def test_an_edited_model_of_a_run_scores_nothing(finished: Run, tmp_path: Path, capfd):
    run = tmp_path / "run"
    shutil.copytree(finished.output, run)
    (path,) = run.glob("artifacts/Trainer/model/*/Format-Serving/variables/variables.data*")
    weights = bytearray(path.read_bytes())
    weights[len(weights) // 2] ^= 1
    path.write_bytes(weights)
    assert predict(run, tmp_path / "x.parquet") == 2
    assert " is damaged: it holds " in capfd.readouterr().err


def test_damaged_examples_are_passed_over(finished: Run, predicted: pa.Table, tmp_path: Path):
    run = tmp_path / "run"
    shutil.copytree(finished.output, run)
    for path in run.glob("artifacts/BehaviorExampleGen/examples/*/Split-eval/*.gz"):
        path.write_bytes(path.read_bytes()[:-100])
    out = tmp_path / "x.parquet"
    assert predict(run, out) == 0
    assert sorted_scores(pq.read_table(out))[0] == sorted_scores(predicted)[0]


def test_a_model_of_another_log_is_refused(finished: Run, tmp_path: Path, capfd):
    config = tmp_path / "strings.yaml"
    (tmp_path / "log.csv").write_text("u,i,t,y\na,x,1,1\na,x,2,0\n")
    config.write_text(
        f"name: strings\nlog: {{folder: {tmp_path}, files: log.csv, columns: "
        "{user: u, item: i, time: {column: t, unit: s}}}\nlabel: {column: y}\n"
    )
    out = tmp_path / "x.parquet"
    assert main(["predict", "--model", str(finished.output), "--config", str(config),
                 "--out", str(out)]) == 2  # fmt: skip
    error = capfd.readouterr().err
    assert "does not fit the configuration 'strings'" in error
    assert "log.columns.item" in error
    assert not out.exists()


@pytest.fixture(scope="module")
def half(finished: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run as it was before its Evaluator had finished."""
    folder = tmp_path_factory.mktemp("half")
    shutil.copy(finished.output / "metadata.sqlite", folder)
    with sqlite3.connect(folder / "metadata.sqlite") as database:
        running = "(SELECT id FROM Type WHERE name LIKE '%valuat%' OR name LIKE '%usher%')"
        database.execute(f"UPDATE Execution SET last_known_state = 2 WHERE type_id IN {running}")
    return folder


NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.ipynb"))
# IPython runs the cells, as Jupyter's kernel does, but without a server.
RUN_CELLS = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for cell in json.load(open(sys.argv[1]))["cells"]:
    if cell["cell_type"] == "code":
        shell.run_cell("".join(cell["source"])).raise_error()
"""


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_to_its_end(notebook: Path, finished: Run):
    done = subprocess.run(
        [sys.executable, "-c", RUN_CELLS, str(notebook)],
        env=os.environ | {"EVERLONG_RUN": str(finished.output), "EVERLONG_STEPS": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(notebook: Path):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") for cell in cells)
