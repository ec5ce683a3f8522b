"""What benchmarks print and write."""

from __future__ import annotations

import json
import sys

import pytest

from components.errors import InputError
from pipeline import result_file
from pipeline.config import load


def test_table_aligns_and_shows_what_is_missing():
    rows = [{"model": "twin", "length": 10_000, "rate": 1234.5}, {"model": "din", "rate": 0.01234}]
    text = result_file.table(rows, {"model": "model", "length": "L", "rate": "targets/s"})
    assert text.splitlines() == [
        "model       L  targets/s",
        "twin   10,000      1,234",
        "din         -     0.0123",
    ]


def test_a_result_holds_all_that_made_it(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/bin/everlong", "bench", "train"])
    config, path = load("demo"), tmp_path / "out.json"
    result_file.write(path, config, [{"model": "twin", "length": 8}])
    written = json.loads(path.read_text())
    assert written["rows"] == [{"model": "twin", "length": 8}]
    assert written["config"]["name"] == "demo"
    assert written["seed"] == config.seed
    assert written["config_hash"] == config.hash
    assert written["command"] == "everlong bench train"
    assert written["machine"]["cores"] >= 1
    assert written["machine"]["memory_gib"] > 0
    assert "tensorflow" in written["versions"]
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "out.json"
    path.write_text("old")
    with pytest.raises(TypeError):
        result_file.write(path, load("demo"), [{"model": object()}])
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]


@pytest.mark.parametrize(
    ("name", "says"), [("", "is a folder"), ("missing/out.json", "there is no folder")]
)
def test_a_file_that_cannot_be_written_is_refused_first(tmp_path, name, says):
    with pytest.raises(InputError, match=rf"--json .*{says}"):
        result_file.check_writable(tmp_path / name)


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["/x/bin/everlong", "bench", "gsu"], "everlong bench gsu"),
        (["/x/pipeline/__main__.py", "bench", "gsu"], "everlong bench gsu"),
        (["/x/benchmarks/table_size.py", "--json", "a b"],
         "python benchmarks/table_size.py --json 'a b'"),
    ],
)  # fmt: skip
def test_the_command_is_what_one_would_type(arguments, command):
    assert result_file.command(arguments) == command
