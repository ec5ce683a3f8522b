"""Calls in turn, by a clock that goes one second further with each look."""

from __future__ import annotations

from pipeline.bench import turns
from pipeline.bench.turns import in_turn


def test_a_row_ends_after_its_seconds(monkeypatch):
    seconds = iter(range(1000))
    monkeypatch.setattr(turns.time, "perf_counter", lambda: next(seconds))
    calls = []
    assert len(in_turn([calls.append], 100, 3, 10)[0][0]) == 5  # the least
    assert calls == [-3, -2, -1, 0, 1, 2, 3, 4]
    assert len(in_turn([calls.append], 100, 3, 1000)[0][0]) == 100


def test_each_function_has_its_own_seconds(monkeypatch):
    clock = {"wall": 0.0, "cpu": 0.0}
    monkeypatch.setattr(turns.time, "perf_counter", lambda: clock["wall"])
    monkeypatch.setattr(turns.time, "process_time", lambda: clock["cpu"])

    def works(wall, cpu):
        def work(number):
            clock["wall"] += wall * (number + 2)
            clock["cpu"] += cpu

        return work

    found = in_turn([works(1, 3), works(10, 7)], 2, 1)
    assert found.tolist() == [[[2, 3], [20, 30]], [[3, 3], [7, 7]]]
