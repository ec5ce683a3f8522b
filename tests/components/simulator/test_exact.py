"""The functions that decide the simulated log: right, and the same on every CPU."""

from __future__ import annotations

import ast
import hashlib
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import components.simulator
from components.simulator import SimulatorConfig, exact, simulate
from components.simulator.simulator import CAUSES

CONFIG = SimulatorConfig(
    users=30,
    median_history=300,
    max_history=500,
    habit_share=0.3,
    weights=dict.fromkeys(CAUSES, 1),
)
OTHER_CPU = f"""
import hashlib
from components.simulator import SimulatorConfig, simulate
table = simulate(SimulatorConfig.model_validate_json({CONFIG.model_dump_json()!r}), explain=True)
for name in table.column_names:
    print(name, hashlib.sha256(table[name].to_numpy().tobytes()).hexdigest())
"""
# What numpy leaves to the vector unit, the C library or BLAS.
ROUNDED_ANYHOW = {
    *("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "logaddexp", "power", "cbrt"),
    *("sin", "cos", "tan", "arcsin", "arccos", "arctan", "arctan2", "sinh", "cosh", "tanh"),
    *("sum", "mean", "average", "std", "var", "dot", "matmul", "inner", "einsum", "linalg", "fft"),
}
INTEGER_DRAWS = {"random", "integers", "permutation", "choice"}
UNIT = 2**-52


def vector_units() -> str:
    """All that this numpy can use beyond the oldest CPU it runs on, as one setting."""
    return " ".join(np.show_config(mode="dicts")["SIMD Extensions"].get("found", []))


@given(st.floats(-700, 700))
@example(0.0)
def test_exp(x):
    # The error of the argument's reduction grows with it.
    assert float(exact.exp(x)) == pytest.approx(math.exp(x), rel=2 * UNIT * (1 + abs(x)))


def test_exp_has_ends():
    assert exact.exp(np.array([-1e9, 1e9])) == pytest.approx([math.exp(-700), math.exp(700)], 1e-12)


@given(st.floats(1e-300, 1e300))
@example(1.0)
@example(1 - UNIT)
def test_log(x):
    assert float(exact.log(x)) == pytest.approx(math.log(x), rel=4 * UNIT, abs=2 * UNIT)


@given(st.floats(-1e5, 1e5))
@example(0.25)
@example(0.5)
def test_cos(turns):
    expected = math.cos(2 * math.pi * math.remainder(turns, 1))
    assert float(exact.cos(turns)) == pytest.approx(expected, abs=8 * UNIT)


@given(st.lists(st.lists(st.floats(-1e9, 1e9), min_size=3, max_size=3), min_size=1, max_size=40))
def test_total_adds_one_by_one(rows):
    x = np.array(rows)
    down, across = [0.0] * 3, [0.0] * len(rows)
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            down[j] += value
            across[i] += value
    assert exact.total(x).tolist() == down
    assert exact.total(x, axis=1).tolist() == across


@pytest.mark.parametrize(
    ("draw", "below"),
    [
        (exact.exponential, lambda x: 1 - math.exp(-x) if x > 0 else 0.0),
        (exact.normal, lambda x: (1 + math.erf(x / math.sqrt(2))) / 2),
    ],
)
def test_draws_follow_their_distribution(draw, below):
    """The test of Kolmogorov and Smirnov, at a level of 1e-6."""
    drawn = np.sort(draw(np.random.default_rng(5), (40, 1000)).ravel())
    expected = [below(x) for x in drawn]
    distance = np.abs(expected - (np.arange(len(drawn)) + 0.5) / len(drawn)).max()
    assert distance < math.sqrt(-math.log(1e-6 / 2) / 2 / len(drawn))


def test_a_cpu_without_vector_units_gives_the_same_log():
    table = simulate(CONFIG, explain=True)
    here = [
        f"{name} {hashlib.sha256(table[name].to_numpy().tobytes()).hexdigest()}"
        for name in table.column_names
    ]
    older = {
        "NPY_DISABLE_CPU_FEATURES": vector_units(),
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX512F,-AVX2_Usable,-FMA_Usable",
        "OPENBLAS_CORETYPE": "Nehalem",
    }
    child = [sys.executable, "-c", OTHER_CPU]
    root = Path(components.simulator.__file__).parents[2]
    there = subprocess.run(
        child, cwd=root, env=os.environ | older, capture_output=True, text=True, check=True
    )
    assert there.stdout.splitlines() == here


def test_the_simulator_uses_nothing_that_is_rounded_anyhow():
    for file in Path(components.simulator.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            place = f"{file.name}:{getattr(node, 'lineno', 0)}"
            assert not isinstance(node, ast.MatMult), f"{place}: a matrix product"
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                owner, name = node.value.id, node.attr
                assert owner != "np" or name not in ROUNDED_ANYHOW, f"{place}: np.{name}"
                assert owner != "rng" or name in INTEGER_DRAWS, f"{place}: rng.{name}"
