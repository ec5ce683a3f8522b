"""Every process that may import TensorFlow is told to use the Keras that TFX and TFRS know."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_keras_is_tf_keras():
    import tensorflow as tf

    assert tf.keras.Model.__module__.startswith("tf_keras.")


@pytest.mark.parametrize("name", ["Makefile", "docker/Dockerfile"])
def test_the_entrances_set_the_variable(name: str):
    assert "TF_USE_LEGACY_KERAS" in (ROOT / name).read_text()


def test_the_image_copies_what_is_there():
    lines = (ROOT / "docker" / "Dockerfile").read_text().splitlines()
    sources = [line.split()[1] for line in lines if re.match("COPY (?!--from)", line)]
    assert len(sources) == 6
    assert all((ROOT / source).exists() for source in sources)
