"""What all benchmarks do alike."""

from __future__ import annotations

from pipeline.bench.runs import over_rounds


def test_rounds_become_medians_that_keep_every_round():
    rounds = [{"model": "twin", "length": 8, "rate": rate} for rate in (3.0, 9.0, 4.0)]
    assert over_rounds(rounds) == {
        "model": "twin",
        "length": 8,
        "rate": 4.0,
        "rounds": {"rate": [3.0, 9.0, 4.0]},
    }
