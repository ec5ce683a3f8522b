"""Measuring in a process of its own."""

from __future__ import annotations

import numpy as np
import pytest

from models.memory import peak_memory_mib
from pipeline.bench.child import ChildFailed, in_child

HERE = "tests.pipeline.bench.test_child"


def double(argument):
    print("noise")
    return {"twice": 2 * argument["number"]}


def fail(argument):
    raise ValueError(f"cannot take {argument['number']}")


def hold(argument):
    before = peak_memory_mib()
    held = np.ones(argument["mib"] * 2**17)  # 8 bytes each
    return {"before": before, "after": peak_memory_mib(), "sum": held.sum()}


def test_a_child_answers_and_its_noise_goes_to_the_log(tmp_path, capfd):
    log = tmp_path / "log.txt"
    log.write_text("before\n")
    assert in_child(f"{HERE}:double", {"number": 21}, log) == {"twice": 42}
    assert log.read_text().startswith("before\nnoise\n")
    assert capfd.readouterr() == ("", "")


def test_a_failure_says_what_happened_and_where_more_is(tmp_path):
    log = tmp_path / "log.txt"
    with pytest.raises(
        ChildFailed, match=r"ValueError: cannot take 3; the whole story is in .*log"
    ):
        in_child(f"{HERE}:fail", {"number": 3}, log)
    assert "Traceback" in log.read_text()


def test_peak_memory_is_the_childs_own(tmp_path):
    held = np.ones(400 * 2**17)
    measured = in_child(f"{HERE}:hold", {"mib": 100}, tmp_path / "log.txt")
    assert held.sum() > 0
    assert measured["before"] < 400
    assert 95 < measured["after"] - measured["before"] < 150
