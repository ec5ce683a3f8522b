"""The files by which runs find each other: the latest that is not one's own, and is whole."""

import json
import shutil

import pytest

from components.errors import InputError
from pipeline.kubeflow import storage
from pipeline.kubeflow.pointers import POINTERS, leave, predecessor

pytest_plugins = ["tests.components.s3"]

BLESSED, STATISTICS = POINTERS


def artifact(tmp_path, name, splits=None):
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    (folder / "file").write_text(name)
    return {"uri": str(folder), "metadata": {"split_names": splits} if splits else {}}


@pytest.fixture
def home(tmp_path):
    return str(tmp_path / "home")


def test_there_is_none_at_first(tmp_path, home):
    assert predecessor(BLESSED, home, artifact(tmp_path, "a")) is None


def test_the_latest_other_is_found(tmp_path, home):
    a, b, c = (artifact(tmp_path, name) for name in "abc")
    leave(BLESSED, home, a)
    assert predecessor(BLESSED, home, a) is None  # never one's own
    leave(BLESSED, home, b)
    assert predecessor(BLESSED, home, c)["uri"] == b["uri"]
    assert predecessor(BLESSED, home, b)["uri"] == a["uri"]
    leave(BLESSED, home, a)  # blessed again: the latest
    assert predecessor(BLESSED, home, c)["uri"] == a["uri"]
    assert predecessor(BLESSED, home, a)["uri"] == b["uri"]


def test_what_is_damaged_or_gone_is_passed_over_and_said(tmp_path, home, caplog):
    a, b, c = (artifact(tmp_path, name) for name in "abc")
    for one in (a, b, c):
        leave(BLESSED, home, one)
    (tmp_path / "c" / "file").write_text("changed")
    (tmp_path / "b" / "file").unlink()
    (tmp_path / "b").rmdir()
    with caplog.at_level("WARNING", "everlong"):
        assert predecessor(BLESSED, home, artifact(tmp_path, "d"))["uri"] == a["uri"]
    assert [record.getMessage().split(": ")[2] for record in caplog.records] == [
        f"{c['uri']} is damaged", f"{b['uri']} is gone",
    ]  # fmt: skip


def test_statistics_of_other_splits_are_no_predecessor(tmp_path, home):
    leave(STATISTICS, home, artifact(tmp_path, "a", '["train", "eval"]'))
    leave(STATISTICS, home, artifact(tmp_path, "b", '["train"]'))
    found = predecessor(STATISTICS, home, artifact(tmp_path, "c", '["train", "eval"]'))
    assert found == artifact(tmp_path, "a", '["train", "eval"]')


def test_a_file_is_written_whole_and_nothing_left_beside(tmp_path, home):
    for name in ("a", "b"):
        leave(BLESSED, home, artifact(tmp_path, name))
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["blessed.json"]
    entries = json.loads((tmp_path / "home" / "blessed.json").read_text())
    assert [entry["uri"] for entry in entries] == [str(tmp_path / "a"), str(tmp_path / "b")]


def test_a_damaged_file_is_named_and_no_model_judged_without_it(tmp_path, home):
    leave(BLESSED, home, artifact(tmp_path, "a"))
    (tmp_path / "home" / "blessed.json").write_text('[{"uri": ')
    with pytest.raises(InputError, match=r"home/blessed.json: is damaged .* remove it, and the"):
        predecessor(BLESSED, home, artifact(tmp_path, "b"))


def test_in_a_pod_they_are_in_the_store_itself(tmp_path, monkeypatch, s3):
    """The launcher copies artifacts alone, and the model before is none of this step's."""
    monkeypatch.setattr(storage, "_MOUNTS", {"minio://": f"{tmp_path}/minio/"})
    monkeypatch.setattr(storage, "_LAUNCHER", str(tmp_path))
    pushed = tmp_path / "minio" / "bucket" / "one" / "model"
    pushed.mkdir(parents=True)
    (pushed / "file").write_text("weights")
    leave(BLESSED, "minio://bucket/home", {"uri": "minio://bucket/one/model"})
    (entry,) = json.loads(s3.objects["home/blessed.json"])
    assert entry["uri"] == "minio://bucket/one/model"

    shutil.rmtree(tmp_path / "minio")  # another pod, on the next day
    s3.objects["one/model/file"] = b"weights"
    found = predecessor(BLESSED, "minio://bucket/home", {"uri": "minio://bucket/two/model"})
    assert found == {"uri": "minio://bucket/one/model", "metadata": {}}
    assert (pushed / "file").read_text() == "weights"
    s3.objects["home/blessed.json"] = s3.objects["home/blessed.json"].replace(b"one", b"gone")
    assert predecessor(BLESSED, "minio://bucket/home", {"uri": "minio://bucket/two"}) is None
