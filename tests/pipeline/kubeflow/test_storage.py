"""Which path a step opens for a URI: in a pod of Kubeflow, on Vertex AI, on a volume."""

import pytest

from pipeline.kubeflow import storage
from pipeline.kubeflow.storage import (
    artifact_path,
    checkpoint_path,
    earlier_path,
    lasting_path,
)

pytest_plugins = ["tests.components.s3"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A machine with /gcs/here, /s3/here and /minio/here, below a folder of the test's."""
    mounts = {scheme: f"{tmp_path}/{scheme[:-3]}/" for scheme in ("gs://", "s3://", "minio://")}
    monkeypatch.setattr(storage, "_MOUNTS", mounts)
    monkeypatch.setattr(storage, "_LAUNCHER", str(tmp_path / "kfp-launcher"))
    for mount in mounts.values():
        (tmp_path / mount / "here").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def pod(place):
    (place / "kfp-launcher").mkdir()
    return place


@pytest.mark.parametrize("path", [artifact_path, checkpoint_path, earlier_path, lasting_path])
def test_a_volume_is_as_it_is(pod, path):
    assert path("/mnt/volume/a") == "/mnt/volume/a"


@pytest.mark.parametrize("scheme", ["gs", "s3", "minio"])
def test_artifacts_are_where_the_launcher_copies_them(pod, scheme):
    assert artifact_path(f"{scheme}://here/a/b") == f"{pod}/{scheme}/here/a/b"


def test_tensorflow_opens_what_is_not_mounted_if_it_can(place):
    assert artifact_path("gs://there/a") == "gs://there/a"
    assert artifact_path("minio://there/a") == f"{place}/minio/there/a"


@pytest.mark.parametrize("scheme", ["gs", "s3", "minio"])
def test_what_lasts_is_in_the_store_and_not_in_a_pods_own_folder(pod, scheme):
    assert lasting_path(f"{scheme}://here/a") == f"{scheme}://here/a"


@pytest.mark.parametrize("scheme", ["gs", "s3", "minio"])
def test_what_lasts_is_where_buckets_are_mounted_for_good(place, scheme):
    assert lasting_path(f"{scheme}://here/a") == f"{place}/{scheme}/here/a"
    assert lasting_path(f"{scheme}://there/a") == f"{scheme}://there/a"


def test_checkpoints_are_where_tensorflow_writes(pod):
    assert checkpoint_path("gs://here/c") == "gs://here/c"
    assert checkpoint_path("minio://here/c") == f"{pod}/minio/here/c"
    assert checkpoint_path("s3://here/c") == f"{pod}/s3/here/c"


def test_an_earlier_runs_artifact_is_copied_to_the_pod_once(pod, s3):
    s3.objects["runs/1/model/deep/file"] = b"abc"
    path = earlier_path("minio://here/runs/1/model")
    assert path == f"{pod}/minio/here/runs/1/model"
    assert (pod / "minio/here/runs/1/model/deep/file").read_bytes() == b"abc"
    s3.objects["runs/1/model/deep/file"] = b"other"
    earlier_path("minio://here/runs/1/model")
    assert (pod / "minio/here/runs/1/model/deep/file").read_bytes() == b"abc"
    assert earlier_path("minio://here/runs/2/model") == f"{pod}/minio/here/runs/2/model"
    assert not (pod / "minio/here/runs/2").exists()
