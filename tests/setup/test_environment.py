"""Every process that may import TensorFlow is told to use the Keras that TFX and TFRS know."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_keras_is_tf_keras():
    import tensorflow as tf

    assert tf.keras.Model.__module__.startswith("tf_keras.")


@pytest.mark.parametrize("package", ["models", "components", "pipeline"])
@pytest.mark.parametrize(
    ("variable", "ours"), [("TF_ENABLE_ONEDNN_OPTS", "1"), ("OPENBLAS_THREAD_TIMEOUT", "4")]
)
@pytest.mark.parametrize("given", [None, "0"])
def test_libraries_are_set_before_any_is_imported_unless_a_user_has(package, variable, ours, given):
    environment = {name: value for name, value in os.environ.items() if name != variable}
    environment |= {} if given is None else {variable: given}
    code = (
        "import os, sys\n"
        "class Early:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name in ('numpy', 'tensorflow'):\n"
        f"            print(name, os.environ.get({variable!r}))\n"
        "sys.meta_path.insert(0, Early())\n"
        f"import {package}\n"
        f"print('after', os.environ[{variable!r}])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert {line.split()[1] for line in done.stdout.splitlines()} == {given or ours}


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda p: p.stem)
def test_a_script_imports_what_sets_them_first(path):
    imported = [
        name.partition(".")[0]
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        )
    ]
    ours = min(
        (imported.index(name) for name in ("models", "components", "pipeline") if name in imported),
        default=len(imported),
    )
    assert not {"numpy", "tensorflow"} & set(imported[:ours])


@pytest.mark.parametrize("name", ["Makefile", "docker/Dockerfile"])
def test_the_entrances_set_the_variable(name: str):
    assert "TF_USE_LEGACY_KERAS" in (ROOT / name).read_text()


def test_the_image_copies_what_is_there():
    lines = (ROOT / "docker" / "Dockerfile").read_text().splitlines()
    sources = [line.split()[1] for line in lines if re.match("COPY (?!--from)", line)]
    assert len(sources) == 6
    assert all((ROOT / source).exists() for source in sources)
