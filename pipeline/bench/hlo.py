"""The XLA program of a function as a file that a machine without TensorFlow can run.

One `.npz` holds the program (`hlo`, a serialized HloModuleProto; `stablehlo`, MLIR bytecode), its
inputs `in_<i>` in the order of the program's parameters, what TensorFlow computed here, `out_<i>`,
and `meta`, JSON: shapes, types and names of both. Variables are inputs; where the function assigns
to them, the program returns their new values after its own outputs.

Large variables are refilled from a recipe, so that the file can hold the recipe in their place:
`normal:seed=S,scale=X` is `numpy.random.default_rng(S).standard_normal(shape, float32) * X`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

LARGE = 2**22  # elements
SCALE = 0.05  # of refilled weights


def export(
    function: Callable[[dict[str, tf.Tensor]], Any], batch: Mapping[str, tf.Tensor], path: Path
) -> None:
    """Writes the program of `function(batch)` with its inputs and outputs.

    Args:
      function: of a batch; its large variables are refilled, its assignments undone.
      batch: dense tensors by feature name.
      path: of the .npz file.
    """
    names = sorted(batch)
    inputs = [batch[name] for name in names]

    def flat(*tensors):
        return tf.nest.flatten(function(dict(zip(names, tensors, strict=True))))

    program = tf.function(flat, jit_compile=True, autograph=False)
    concrete = program.get_concrete_function(*inputs)
    captured, variables = _captured(concrete)
    before = [variable.numpy() for variable in variables]
    recipes = {id(variable): _refill(variable, seed) for seed, variable in enumerate(variables)}

    arrays: dict[str, Any] = {}  # as numpy's `savez` is typed
    described: dict[str, list[dict[str, Any]]] = {"inputs": [], "outputs": []}
    for name, value in [*zip(names, inputs, strict=True), *captured]:
        recipe = recipes.get(id(value))
        number = len(described["inputs"])
        described["inputs"].append({**_describe(value), "name": name, "gen": recipe})
        if recipe is None:
            arrays[f"in_{number}"] = np.asarray(value)
    lower = program.experimental_get_compiler_ir(*inputs)
    for number, value in enumerate(program(*inputs)):
        described["outputs"].append(_describe(value))
        arrays[f"out_{number}"] = value.numpy()
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)
    meta = {
        "tf": tf.__version__,
        "module": lower(stage="hlo").partition("\n")[0],
        "function": path.stem,
        **described,
    }
    aside = path.with_name(f".{path.name}")
    np.savez(
        aside.open("wb"),
        hlo=np.frombuffer(lower(stage="hlo_serialized"), np.uint8),
        stablehlo=np.frombuffer(lower(stage="stablehlo_serialized"), np.uint8),
        meta=np.frombuffer(json.dumps(meta).encode(), np.uint8),
        **arrays,
    )
    aside.replace(path)


def _captured(concrete) -> tuple[list[tuple[str, Any]], list[tf.Variable]]:
    """Returns what the program takes besides its arguments, by name, and its variables."""
    by_handle = {id(variable.handle): variable for variable in concrete.graph.variables}
    captured = []
    for tensor in concrete.captured_inputs:
        variable = by_handle.get(id(tensor))
        captured.append(("constant", tensor) if variable is None else (variable.name, variable))
    return captured, list(by_handle.values())


def _refill(variable: tf.Variable, seed: int) -> str | None:
    """Refills a large variable, and returns how; None where it is small, and left as it is."""
    if variable.shape.num_elements() < LARGE:
        return None
    scale = SCALE if np.any(variable.numpy()) else 0  # slots of an optimizer start at 0
    values = np.random.default_rng(seed).standard_normal(variable.shape, np.float32)
    variable.assign(values * np.float32(scale))
    return f"normal:seed={seed},scale={scale}"


def _describe(value: Any) -> dict[str, Any]:
    return {"shape": value.shape.as_list(), "dtype": value.dtype.name}
