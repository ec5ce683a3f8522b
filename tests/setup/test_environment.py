"""Every process that may import TensorFlow is told to use the Keras that TFX and TFRS know."""

from __future__ import annotations

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
@pytest.mark.parametrize(("given", "found"), [(None, "1"), ("0", "0")])
def test_products_are_onednns_unless_a_user_says_otherwise(package, given, found):
    environment = {k: v for k, v in os.environ.items() if k != "TF_ENABLE_ONEDNN_OPTS"}
    environment |= {} if given is None else {"TF_ENABLE_ONEDNN_OPTS": given}
    code = f"import os, {package}; print(os.environ['TF_ENABLE_ONEDNN_OPTS'])"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == found


@pytest.mark.parametrize("name", ["Makefile", "docker/Dockerfile"])
def test_the_entrances_set_the_variable(name: str):
    assert "TF_USE_LEGACY_KERAS" in (ROOT / name).read_text()


def test_the_image_copies_what_is_there():
    lines = (ROOT / "docker" / "Dockerfile").read_text().splitlines()
    sources = [line.split()[1] for line in lines if re.match("COPY (?!--from)", line)]
    assert len(sources) == 6
    assert all((ROOT / source).exists() for source in sources)
