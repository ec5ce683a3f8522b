"""Libraries that are there, that lie, and that are not there."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

from pipeline.doctor import libraries
from pipeline.doctor.libraries import LIBRARIES
from pipeline.doctor.probe import FAILED, OK, WARNING, Finding, examine

PROBES = {probe.what: probe for probe in LIBRARIES}


def look(what: str) -> Finding:
    return examine(PROBES[what])


@pytest.mark.parametrize("what", [probe.what for probe in LIBRARIES if probe.what != "GPU"])
def test_the_libraries_of_the_tests_are_well(what: str):
    assert look(what).state == OK


@pytest.mark.parametrize(
    ("what", "module"),
    [
        ("Keras", "tensorflow"),
        ("ML Metadata", "ml_metadata"),
        ("TFDV", "tensorflow_data_validation"),
        ("Beam", "apache_beam"),
        ("GPU", "tensorflow"),
        ("XLA", "tensorflow"),
    ],
)
def test_a_library_that_cannot_be_imported(monkeypatch, what: str, module: str):
    monkeypatch.setitem(sys.modules, module, None)
    found = look(what)
    assert found.state == FAILED
    assert module in found.said
    assert found.said.endswith(PROBES[what].way_out)


def test_keras_3_is_told_with_the_variable(monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(tf.keras.Model, "__module__", "keras.src.models.model")
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "0")
    found = look("Keras")
    assert found.state == FAILED
    assert "set TF_USE_LEGACY_KERAS=1 (it is '0')" in found.said


def test_a_store_that_forgets(monkeypatch):
    from ml_metadata import metadata_store

    monkeypatch.setattr(metadata_store.MetadataStore, "get_artifact_types", lambda _: [])
    assert look("ML Metadata").said.startswith("a store in SQLite was written and read back as []")


def test_a_schema_without_its_column(monkeypatch):
    import tensorflow_data_validation as tfdv
    from tensorflow_metadata.proto.v0 import schema_pb2

    monkeypatch.setattr(tfdv, "infer_schema", lambda _: schema_pb2.Schema())
    assert look("TFDV").state == FAILED


def test_a_beam_that_does_not_add_up(monkeypatch):
    import apache_beam as beam

    monkeypatch.setattr(beam, "CombinePerKey", lambda _: beam.Map(lambda pair: (pair[0], 0)))
    found = look("Beam")
    assert found.state == FAILED
    assert "('a', 0)" in found.said


def test_a_beam_that_may_not_write(monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("apache_beam.internal.util.run_using_threadpool", refuse)
    found = look("Beam")
    assert found.state == FAILED
    assert "let /dev/shm and " in found.said


def test_a_gpu_without_its_libraries_is_a_warning(monkeypatch, tmp_path: Path):
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: [])
    monkeypatch.setattr(libraries, "DRIVER", tmp_path / "nvidiactl")
    found = look("GPU")
    assert found.state == OK
    assert found.said.startswith("none: models train on")
    (tmp_path / "nvidiactl").touch()
    found = look("GPU")
    assert found.state == WARNING
    assert "requirements/gpu.txt" in found.said


def test_a_gpu_is_named(monkeypatch):
    import tensorflow as tf

    device = types.SimpleNamespace(name="/physical_device:GPU:0")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: [device, device])
    monkeypatch.setattr(
        tf.config.experimental, "get_device_details", lambda _: {"device_name": "NVIDIA T4"}
    )
    assert look("GPU") == Finding("GPU", OK, "NVIDIA T4, NVIDIA T4")


def test_xla_that_computes_something_else(monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(tf, "matmul", tf.multiply)
    found = look("XLA")
    assert found.state == FAILED
    assert "[[5.0, 12.0], [21.0, 32.0]]" in found.said
