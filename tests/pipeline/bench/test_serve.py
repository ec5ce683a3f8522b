"""The rows of `bench serve` of a tiny model, and its floor; no figure is judged here."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipeline.bench import serve
from pipeline.cli import main
from tests.pipeline.serve.tiny import publish


def test_the_floor_finds_the_largest_products():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(serve.ROWS, serve.WIDTH)).astype(np.float32)
    history = rng.integers(0, serve.ROWS, [serve.DIFFERENT, 40])[3]
    targets = rng.normal(size=(serve.DIFFERENT, 5, serve.WIDTH)).astype(np.float32)[3]
    found = serve.floor(40, 5, 7)(3)
    products = np.float64(targets) @ np.float64(table[history]).T
    assert found.shape == (5, 7)
    for row, places in zip(products, found, strict=True):
        assert set(places) == set(np.argsort(row)[-7:])
    assert serve.floor(4, 5, 7)(0).tolist() == [[0, 1, 2, 3]] * 5


def test_rows_in_process_and_over_grpc(tmp_path, capfd):
    publish(tmp_path, 3)
    out = tmp_path / "out.json"
    words = "--length 8 --length 60 --targets 4 --targets 1 --clients 2 --requests 6 --top-k 5"
    code = main(["bench", "serve", "--model", str(tmp_path), *words.split(), "--json", str(out)])
    printed = capfd.readouterr()
    assert code == 0, printed.err
    result = json.loads(out.read_text())
    assert result["command"] and result["machine"] and result["versions"]
    rows = result["rows"]
    assert [(row["length"], row["targets"], row["clients"]) for row in rows] == [
        (8, 4, None), (8, 1, None), (60, 4, None), (60, 1, None),
        (8, 4, 2), (8, 1, 2), (60, 4, 2), (60, 1, 2),
    ]  # fmt: skip
    for row in rows:
        assert row["model"] == str(tmp_path)
        assert row["requests"] == 6
        told = (row["targets"], row["clients"]) == (1, None)
        assert row.get("lookup_share") == (0 if told else None)  # it has no vocabulary
        assert 0 < row["p50_ms"] <= row["p99_ms"]
        assert row["of_floor"] == pytest.approx(row["p50_ms"] / row["floor_ms"])
        assert ("requests_per_second" in row) == (row["clients"] is not None)
    assert "requests/s" in printed.out
    assert f"written to {out}" in printed.out
