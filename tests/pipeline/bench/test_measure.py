"""The rows that benchmarks measure, at small sizes; no figure is judged here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from models.features import FeatureSizes
from pipeline.bench import arguments, bare, gsu, models, runs, train
from pipeline.bench.synthetic import feature_sizes, synthetic_batch
from pipeline.cli import main
from pipeline.config import load

SMALL = {"users": 1, "targets": 2, "items": 500, "jit": "off", "hlo": None, "rounds": 2}


def job(name: str, length: int, **options) -> dict:
    config = arguments.with_model(load("demo"), name)
    return runs.Job(config, length, SMALL | options).argument()


def test_a_synthetic_batch_has_the_exact_shape():
    sizes = FeatureSizes(item=12, category=5, cross={"behavior": 4})
    batch = synthetic_batch(sizes, users=2, targets=3, length=7, seed=1)
    shapes = {name: tuple(x.shape) for name, x in batch.items()}
    assert shapes["history_behavior"] == shapes["history_item"] == (2, 7)
    assert shapes["target_item"] == shapes["label"] == (2, 3)
    assert batch["target_hist_end"].numpy().tolist() == [[7] * 3] * 2
    assert (np.diff(batch["history_time"].numpy()) > 0).all()
    for name, size in {"history_item": 12, "history_category": 5, "history_behavior": 4}.items():
        assert batch[name].numpy().min() >= 1
        assert batch[name].numpy().max() < size


def test_synthetic_tables_have_the_configurations_cross_features():
    assert feature_sizes(load("movielens_1m"), 1000).cross == {"behavior": 10}
    assert feature_sizes(load("online_retail"), 1000).item == 1002


@pytest.mark.parametrize("name", gsu.SEARCHING)
def test_retrieval_of_every_model_that_retrieves(name):
    row = gsu.measure(job(name, 64))
    assert (row["model"], row["length"], row["targets"]) == (name, 64, 2)
    for figure in ("milliseconds", "bare_milliseconds", "of_bare"):
        assert row[figure] > 0, figure
    assert (row["of_bandwidth"] is None) == (name == "sim_hard")  # which reads no rows
    assert row["targets_per_second"] == pytest.approx(2 / row["milliseconds"] * 1e3)
    assert row["peak_memory_mib"] > 1
    assert len(row["seconds_by_round"]["request"]) == 2
    json.dumps(row)


def test_the_bare_minimum_is_the_product_and_a_plain_top_k():
    config = arguments.with_model(load("demo"), "mirrn").model
    indices = bare.minimum(config, None, 1, 2, 64)()
    assert indices.shape == [1, 2 * len(config.granularities), min(config.top_k, 64)]


def test_a_training_step_and_its_program(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "SECONDS", 0.0)
    row = models.measure(job("avg_pooling", 64, jit="on", hlo=str(tmp_path)))
    assert row["jit"] is True
    assert row["steps"] == models.LEAST_STEPS
    assert row["targets_per_second"] > 0
    with np.load(tmp_path / "train_avg_pooling_64.npz") as program:
        assert {"hlo", "stablehlo", "meta", "in_0", "out_0", "out_1"} <= set(program)


def test_the_command_prints_a_table_and_writes_rows(tmp_path, capfd):
    out = tmp_path / "out.json"
    words = "bench models --config demo --model avg_pooling --length 64 --targets 2 --items 500"
    code = main([*words.split(), "--work-dir", str(tmp_path / "w"), "--json", str(out)])
    assert code == 0
    (row,) = json.loads(out.read_text())["rows"]
    assert {"model", "length", "targets_per_second", "peak_memory_mib"} <= set(row)
    printed = capfd.readouterr().out
    assert "targets/s" in printed
    assert f"written to {out}" in printed


def test_an_interrupt_ends_with_130_and_leaves_no_result(tmp_path):
    log = tmp_path / "w" / "log.txt"
    words = "bench models --config demo --model avg_pooling --length 64 --items 500 --rounds 99"
    folders = ["--work-dir", str(tmp_path / "w"), "--json", str(tmp_path / "out.json")]
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", *words.split(), *folders],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 60
    while not log.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1)  # the child has begun
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"interrupted; the same command begins anew" in error
    assert b"Traceback" not in error
    assert [p.name for p in tmp_path.iterdir()] == ["w"]


def test_training_is_measured_by_length_and_model_in_turn(tmp_path, monkeypatch):
    def prepare(config, folder, terminal):
        return {"transform": str(config.history.max_length), "examples": folder.name}

    def in_child(function, job, log):
        assert function == "pipeline.bench.train:measure"
        config = runs.config_of(job)
        told = {"model": config.model.name, "length": job["length"]}
        assert job["transform"] == str(config.history.max_length) == str(job["length"])
        assert job["examples"] == f"demo_{job['length']}"
        assert config.training.epochs == 1
        return told | {"targets_per_second": 1.0}

    monkeypatch.setattr(train, "prepare", prepare)
    monkeypatch.setattr(runs, "in_child", in_child)
    out = tmp_path / "out.json"
    words = "bench train --config demo --model twin --model avg_pooling --length 32 --length 64"
    assert main([*words.split(), "--work-dir", str(tmp_path / "w"), "--json", str(out)]) == 0
    rows = json.loads(out.read_text())["rows"]
    assert [(row["model"], row["length"]) for row in rows] == [
        ("twin", 32), ("avg_pooling", 32), ("twin", 64), ("avg_pooling", 64)
    ]  # fmt: skip


@pytest.mark.slow
def test_a_real_training_run(tmp_path, capfd):
    out = tmp_path / "out.json"
    small = ["users=40", "median_history=50", "max_history=60", "targets_per_user=12"]
    small.append("list_length=1")  # so few impressions make too few lists for three splits
    overrides = [word for value in small for word in ("--set", f"log.simulator.{value}")]
    words = "bench train --config demo --model twin --length 32"
    code = main([*words.split(), *overrides, "--work-dir", str(tmp_path / "w"), "--json", str(out)])
    assert code == 0, capfd.readouterr().out
    (row,) = json.loads(out.read_text())["rows"]
    assert (row["model"], row["length"]) == ("twin", 32)
    assert 28 <= row["longest"] <= 32  # of histories of up to 60, cut on a grid of 4
    assert row["targets_per_second"] > 0
    assert row["compile_seconds"] > 0
    assert 1 <= row["programs"] <= 12
    assert row["peak_memory_mib"] > 100
    assert not tf.config.list_physical_devices("GPU") or row["jit"]
