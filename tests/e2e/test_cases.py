"""Every case of the shared folder gives what its README says, by its own configuration.

What is read is read in this process. The details of each form are tested on small copies of these
logs in `tests/fixtures/cases`, which need no shared folder.
"""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.behavior_example_gen.check import check_log
from components.behavior_example_gen.clean.account import Counts
from components.behavior_example_gen.clean.remarks import remarks
from components.behavior_example_gen.config.ingest_config import IngestConfig
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.run import write_examples
from components.evaluator import trivial_rules
from models import metric_table, metrics
from pipeline.cli import main
from pipeline.config import load
from pipeline.terminal.exit_codes import BAD_INPUT, DONE
from tests.components.behavior_example_gen.runs import examples, taken

TRUTH = Path(__file__).resolve().parents[2] / "benchmarks" / "truth"
ESCAPE = r"log.csv.escape='\'"


class Read(NamedTuple):
    """What a log holds: rows that are kept, their distinct ids, positives, first and last time."""

    rows: int = 2400
    users: int = 60
    items: int = 200
    categories: int = 12
    positives: int = 979
    first: str = "2020-09-14T01:40:36Z"
    last: str = "2020-09-30T09:21:01Z"


# Whose log is read as it is, and as what. One log is written in many forms.
READ = {
    "bz2": Read(),
    "zst": Read(),
    "zip": Read(),
    "jsonl": Read(),
    "parquet_lists": Read(),
    "hidden_dirs": Read(),
    "hive_partition": Read(first="2020-09-14T00:00:00Z", last="2020-09-30T00:00:00Z"),
    "delim_ctrlA_plain": Read(),
    "delim_ctrlA_x01": Read(),
    "delim_tab_plain": Read(),
    "delim_tab_single": Read(),
    "header_spaces": Read(),
    "trailing_delim": Read(),
    "excel_sep_line": Read(),
    "iso_no_format": Read(),
    "hashed_int64": Read(),
    "leading_zeros_int": Read(),
    "label_truefalse": Read(),
    "multivalue_cat": Read(categories=102),
    "positives_bool": Read(),
    "positives_partly_bool": Read(positives=1593),
    "padded_cells": Read(positives=1593),
    "float_seconds": Read(
        categories=9, positives=1174,
        first="2020-09-13T12:26:40.120000Z", last="2020-09-13T13:52:26.920000Z",
    ),
    "parquet_subsecond_us": Read(
        categories=9, positives=1174,
        first="2020-09-13T12:26:40.120000Z", last="2020-09-13T13:52:26.919999Z",
    ),
    "yoochoose_iso_ms": Read(
        first="2020-09-14T01:40:36.277000Z", last="2020-09-30T09:21:01.277000Z"
    ),
    "impossible_dates": Read(rows=2388, positives=974, first="2020-09-14T02:27:45Z"),
    "parquet_float_ids": Read(rows=2388, positives=974, first="2020-09-14T02:27:45Z"),
}  # fmt: skip

# Whose log is refused, with what is said, and as what it is read once that was done.
REFUSED = {
    "null_markers": (
        "711 of 2,400 rows (29.62%) are bad",
        ["log.max_bad_row_share=0.3"],
        Read(rows=1689, categories=13, positives=684, first="2020-09-14T02:27:45Z"),
    ),
    "spark_escape": (
        r"first in the lines 2, 5, 8, 11, 14: rows would run together. Set `log.csv.escape: '\'`",
        [ESCAPE],
        Read(categories=24),
    ),
    "spark_escape_end": (
        r"first in the lines 2, 3, 4, 5, 6: rows would run together. Set `log.csv.escape: '\'`",
        [ESCAPE],
        Read(categories=9),
    ),
    "s_as_ms": (
        "Set `log.columns.time.unit: s`",
        ["log.columns.time.unit=s"],
        Read(),
    ),
    "ns_epoch": (
        "Set `log.columns.time.unit: ns`",
        ["log.columns.time.unit=ns"],
        Read(),
    ),
    "ms_no_unit": (
        "Set `log.columns.time.unit: ms`",
        ["log.columns.time={column: ts, unit: ms}"],
        Read(first="2020-09-14T01:40:36.005000Z", last="2020-09-30T09:21:01.005000Z"),
    ),
    "yyyymmdd_int": (
        'Set `log.columns.time.format: "%Y%m%d"`',
        ["log.columns.time={column: ts, format: '%Y%m%d'}"],
        Read(first="2020-09-14T00:00:00Z", last="2020-09-30T00:00:00Z"),
    ),
    "easyrec_sequences": (
        "the column 'seq_items', `log.columns.category`, looks like a sequence in a cell: 'i38;",
        ["log.columns.category=null"],
        Read(2000, categories=1, positives=974,
             first="2020-09-13T12:26:40Z", last="2020-09-14T21:45:40Z"),
    ),
}  # fmt: skip

# How many rows are dropped, and for which reason.
DROPPED = {
    "impossible_dates": {"time: not %Y-%m-%d %H:%M:%S": 12},
    "parquet_float_ids": {"item: missing": 12},
    "null_markers": {"user: missing": 711},
}

OTHERS = {
    "compile_name", "compile_underscore", "config_bomb", "jsonl_beam", "predict_unlabelled",
    "run_imbalance", "run_special_dir", "truth_iid", "truth_leak", "truth_noise",
    "within_user_metric.py",
}  # fmt: skip


@pytest.fixture
def case(request: pytest.FixtureRequest, shared_cases: Path, monkeypatch: pytest.MonkeyPatch):
    """The folder of a case, which is where commands run."""
    folder = shared_cases / request.param
    monkeypatch.chdir(folder)
    return folder


def of(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", names, indirect=True)


def _ingest(config: str = "c.yaml", *overrides: str) -> IngestConfig:
    return load(config, overrides).ingest


def _held(rows: pa.Table, counts: Counts) -> Read:
    times = counts.to_dict()["times"]["log"]
    return Read(
        rows.num_rows,
        *(len(set(rows[name].to_pylist())) for name in ("user", "item", "category")),
        rows["label"].to_pylist().count(1),
        times["first"],
        times["last"],
    )


def test_there_is_no_other_case(shared_cases: Path) -> None:
    found = {path.name for path in shared_cases.iterdir()} - {"README.md"}
    assert found == {*READ, *REFUSED, *OTHERS}


@of(*READ)
def test_a_log_is_read(case: Path) -> None:
    config = _ingest()
    check_log(config)
    rows, counts = taken(config)
    assert _held(rows, counts) == READ[case.name]
    assert counts.dropped == DROPPED.get(case.name, {})
    said = remarks(counts, config)
    assert len(said) == (case.name == "leading_zeros_int")
    assert all("1,200 cells begin with zeros" in remark for remark in said)


@of(*REFUSED)
def test_a_log_is_refused_with_the_way_out(case: Path) -> None:
    says, way_out, read = REFUSED[case.name]
    with pytest.raises(LogError) as error:
        check_log(_ingest())
    assert says in str(error.value)
    config = _ingest("c.yaml", *way_out)
    check_log(config)
    rows, counts = taken(config)
    assert _held(rows, counts) == read
    assert counts.dropped == DROPPED.get(case.name, {})


@of("parquet_float_ids", "hashed_int64", "leading_zeros_int", "padded_cells", "null_markers")
def test_ids_are_what_they_are(case: Path) -> None:
    rows, counts = taken(_ingest())
    users, items = (set(rows[name].to_pylist()) for name in ("user", "item"))
    whole = {
        "parquet_float_ids": b"1000000000079" in items and len(items) == 200,
        "hashed_int64": 981887266490075737 in items and -3785033330447126057 in users,
        "leading_zeros_int": items == set(range(200)),
        "padded_cells": users == {b"u%d" % number for number in range(60)},
        "null_markers": rb"\N" not in users and counts.notes.missing == {"category": 328},
    }
    assert whole[case.name]


@of("positives_partly_bool")
def test_a_positive_value_that_no_row_has_is_an_error(case: Path) -> None:
    with pytest.raises(
        LogError, match=r"no row has the value 'yes'.* which has 'buy', 'off', 'on'"
    ):
        check_log(_ingest("c.yaml", "label.positives=[buy, yes]"))


@of("jsonl_beam")
def test_a_beam_source_is_read(case: Path, tmp_path: Path) -> None:
    counts = write_examples(_ingest(), str(tmp_path), beam.Pipeline)
    assert (counts["rows"], counts["rows_kept"], counts["dropped"].get("row")) == (2400, 2400, None)


@of("config_bomb")
@pytest.mark.parametrize("name", ["y_bomb.yaml", "y_bomb2.yaml"])
def test_a_bomb_is_refused(case: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--config", name]) == BAD_INPUT
    assert "line 5: holds more than 20,000 values, aliases such as *a written out" in (
        capsys.readouterr().err
    )


@of("compile_name", "compile_underscore")
def test_a_name_is_derived_that_kubeflow_takes(case: Path, tmp_path: Path) -> None:
    out = tmp_path / "pipeline.yaml"
    root = "kubeflow.pipeline_root=gs://bucket/everlong"
    command = ["compile", "--config", "c.yaml", "--engine", "kubeflow", "--out", str(out)]
    assert main([*command, "--set", root]) == DONE
    name = {"compile_name": "shop-a", "compile_underscore": "movielens-1m"}[case.name]
    assert f"\n  name: {name}\n" in out.read_text()


@of("truth_iid", "truth_leak", "truth_noise")
def test_no_target_sees_what_came_of_it_or_was_later(case: Path, tmp_path: Path) -> None:
    """What models with every loss learn from such logs is in `benchmarks/results/study_truth_*`.

    The configurations there are the cases' own in today's keys.
    """
    name = case.name.removeprefix("truth_")
    config = _ingest(str(TRUTH / f"{name}.yaml"), "log.folder=.")
    counts = write_examples(config, str(tmp_path), beam.Pipeline)
    targets = {"iid": (10_500, 1_500, 2_700), "leak": (5_600, 800, 1_400),
               "noise": (11_200, 1_600, 2_800)}[name]  # fmt: skip
    splits = ("train", "validation", "eval")
    assert tuple(counts["splits"][split]["targets"] for split in splits) == targets
    for split, expected in zip(splits, targets, strict=True):
        seen = 0
        for text in examples(tmp_path, split):
            of = tf.train.Example.FromString(text).features.feature
            shown, history, ends = (
                list(of[name].int64_list.value)
                for name in ("target_time", "history_time", "target_hist_end")
            )
            assert history == sorted(history)
            for time, end in zip(shown, ends, strict=True):
                assert end == sum(behaviour < time for behaviour in history) > 0
                seen += 1
        assert seen == expected
    if name == "noise":
        popular = Counter(
            item
            for text in examples(tmp_path, "train")
            for item in tf.train.Example.FromString(text)
            .features.feature["target_item"]
            .bytes_list.value
        )
        known = pa.array([item for item, _ in popular.most_common()])
        batch = ExamplesToRecordBatchDecoder().DecodeBatch(examples(tmp_path, "eval"))
        found = trivial_rules.aucs([trivial_rules.scores(batch, known)])
        assert {rule for rule in found if abs(found[rule]["auc"] - 0.5) > 0.02} == set()


def test_counting_clicks_is_nothing_within_users(
    shared_cases: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = runpy.run_path(str(shared_cases / "within_user_metric.py"))
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("  2 targets a user: GAUC 1.000, AUC 0.5")
    assert printed[-1].startswith(" 67 targets a user: GAUC 0.61")
    labels, scores = (np.stack(told[name]) for name in ("labels", "scores"))
    user = np.repeat(np.arange(800), 67)
    frozen = np.repeat(scores[:, 0], 67)  # no user has a click before the first target
    found = metric_table.evaluate(
        metrics.Predictions(labels.ravel(), scores.ravel(), user, np.arange(800 * 67), frozen)
    )
    assert found["gauc_over_time"] == pytest.approx(0.617, abs=0.003)
    for name in ("gauc", "uauc"):
        assert found[name] == pytest.approx(0.5, abs=1e-9)


def _run(case: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipeline", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=case, check=False)


@pytest.mark.slow
def test_a_folder_of_any_name_and_candidates_without_labels(
    shared_cases: Path, tmp_path: Path
) -> None:
    out, scores = tmp_path / "out [1] dt=2024-01-01", tmp_path / "scores.parquet"
    # The 80 users of the log stand for 26 equally large ones, too few for today's gate.
    small = ["training.epochs=1", "gate.replicas=100", "gate.min_users=2"]
    done = _run(
        shared_cases / "run_special_dir",
        "run", "--config", "c.yaml", "--output-dir", str(out),
        *(word for key in small for word in ("--set", key)),
    )  # fmt: skip
    assert done.returncode == DONE, done.stdout + done.stderr
    assert "Shop_A: BLESSED and pushed" in done.stdout
    (version,) = (out / "serving").iterdir()
    assert (version / "saved_model.pb").exists()
    done = _run(
        shared_cases / "predict_unlabelled",
        "predict", "--model", str(out), "--config", "c.yaml", "--split", "eval",
        "--out", str(scores),
    )  # fmt: skip
    assert done.returncode == DONE, done.stdout + done.stderr
    table = pq.read_table(scores)
    assert table.num_rows == table["label"].null_count == 400
    assert all(0 < score < 1 for score in table["score"].to_pylist())


@of("run_imbalance")
def test_a_validation_split_without_a_click_is_told_at_once(case: Path, tmp_path: Path) -> None:
    """That the loss chooses then is in `tests/models/test_trainer.py`."""
    counts = write_examples(_ingest(), str(tmp_path), beam.Pipeline)
    assert counts["splits"]["validation"]["targets"] == 600
    assert counts["warnings"] == [
        "All 600 targets of the validation split have the label 0: no epoch of training can be "
        "chosen by AUC, or by how lists are ranked, and the loss chooses. Change `split` for both "
        "labels."
    ]
