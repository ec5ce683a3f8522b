"""KuaiRand's three labels from its published files to a pushed model, and what is said of each."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from sklearn.metrics import roc_auc_score

from pipeline.cli import main
from tests.e2e.conftest import Run

pytestmark = pytest.mark.slow

FIXTURE = Path(__file__).resolve().parents[1] / "fixtures" / "kuairand"
USERS, ROWS, VIDEOS = 60, 60, 40
LABELS = {"click": "is_click", "long_view": "long_view", "like": "is_like"}
SMALL = [
    "model.item_dim=8", "model.category_dim=8", "model.mlp_units=[32, 16]", "model.top_k=20",
    "training.epochs=6", "training.batch_users=4", "training.learning_rate=0.01",
    "training.early_stopping=null", "history.max_length=100", "split.validation=0.2",
    "split.eval=0.3", "gate.min_auc=0.5", "gate.calibration=[0.1, 10]",
]  # fmt: skip


def _names(name: str) -> list[str]:
    return next(FIXTURE.glob(name)).read_text().splitlines()[0].split(",")


def write_files(folder: Path) -> None:
    """Users click the videos of author 0, watch the long ones, like tag 3."""
    random = np.random.default_rng(0)
    size = USERS * ROWS
    user, video = np.repeat(np.arange(USERS), ROWS), random.integers(0, VIDEOS, size)
    click = random.random(size) < np.where(video % 5 == 0, 0.8, 0.2)
    view = random.random(size) < np.where(video % 2 == 0, 0.8, 0.2)
    like = random.random(size) < np.where(video % 4 == 3, 0.7, 0.1)
    log = {
        "user_id": user, "video_id": video, "is_click": click, "long_view": view, "is_like": like,
        "time_ms": 1_649_347_200_000 + random.integers(0, 10**9, size),
        "play_time_ms": random.integers(0, 20_000, size), "tab": random.integers(0, 3, size),
    }  # fmt: skip
    videos = {
        "video_id": np.arange(VIDEOS), "author_id": np.arange(VIDEOS) % 5,
        "tag": [f"{n % 4},{9}" for n in range(VIDEOS)],
        "video_duration": [f"{1000 * (n % 2 + 1)}.0" for n in range(VIDEOS)],
        "music_id": np.arange(VIDEOS) % 7,
    }  # fmt: skip
    users = {"user_id": np.arange(USERS), "user_active_degree": ["full_active"] * USERS}
    for name, columns in (
        ("log_standard_4_08_to_4_21_pure.csv", log),
        ("video_features_basic_pure.csv", videos),
        ("user_features_pure.csv", users),
    ):
        rows = len(next(iter(columns.values())))
        whole = {n: np.asarray(columns.get(n, [0] * rows)) for n in _names(name)}
        whole = {n: v.astype(int) if v.dtype == bool else v for n, v in whole.items()}
        pa.csv.write_csv(pa.table(whole), folder / name)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("kuairand")
    write_files(folder)
    run = Run(folder / "out")
    changes = [f"log.folder={folder}", *SMALL]
    done = run("--config", "kuairand", *(x for c in changes for x in ("--set", c)))
    assert done.returncode == 0, done.stdout + done.stderr
    return run


@pytest.fixture(scope="module")
def scored(run: Run) -> pa.Table:
    (path,) = run.output.glob("artifacts/Evaluator/evaluation/*/predictions.parquet")
    return pq.read_table(path)


def _columns(scored: pa.Table, name: str) -> tuple[np.ndarray, np.ndarray]:
    end = "" if name == "click" else f"_{name}"
    return tuple(scored[f"{column}{end}"].to_numpy() for column in ("label", "score"))


@pytest.mark.parametrize("name", LABELS)
def test_each_label_is_learned(scored: pa.Table, name: str):
    labels, scores = _columns(scored, name)
    assert np.isfinite(labels).all()
    assert roc_auc_score(labels, scores) > 0.6
    # Another label's truth is another one: the towers are not copies.
    others = [roc_auc_score(_columns(scored, o)[0], scores) for o in LABELS if o != name]
    assert max(others) < roc_auc_score(labels, scores)


def test_the_gate_tells_of_each_label(run: Run, scored: pa.Table):
    (path,) = run.output.glob("artifacts/Evaluator/evaluation/*/gate.json")
    told = json.loads(path.read_text())["intervals"]
    assert set(told["labels"]) == {"long_view", "like"}
    for name in ("long_view", "like"):
        labels, scores = _columns(scored, name)
        assert told["labels"][name]["positives"] == labels.sum()
        auc = told["labels"][name]["auc"]
        assert auc["candidate"] == pytest.approx(roc_auc_score(labels, scores), abs=1e-6)


def test_the_pushed_model_returns_each_label(run: Run):
    model = tf.saved_model.load(run.summary["pushed_model"])
    outputs = model.signatures["score"].structured_outputs
    assert set(outputs) == {"probability", "probability_long_view", "probability_like"}


@pytest.mark.parametrize("name", [None, "like"])
def test_a_run_compared_by_a_label(run: Run, scored: pa.Table, tmp_path: Path, capfd, name):
    told = tmp_path / "told.json"
    label = ["--label", name] if name else []
    folder = str(run.output)
    assert main(["compare", folder, folder, "--json", str(told), *label]) == 0
    assert (f"label {name}" in capfd.readouterr().out) == (name is not None)
    numbers = json.loads(told.read_text())
    assert numbers["label"] == name
    labels, scores = _columns(scored, name or "click")
    auc = numbers["comparisons"][0]["auc"]
    assert auc["a"] == pytest.approx(roc_auc_score(labels, scores), abs=1e-6)
    assert auc["difference"] == 0


def test_a_label_that_a_run_has_not_is_refused(run: Run, capfd):
    assert main(["compare", str(run.output), str(run.output), "--label", "share"]) == 2
    assert "(there: like, long_view)" in capfd.readouterr().err
