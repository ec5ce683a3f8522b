"""TFX's file operations on s3:// and minio://."""

import pytest
from tfx.dsl.io import fileio, filesystem
from tfx.utils import io_utils

from components import object_store
from components.errors import InputError
from components.pusher import objects

pytest_plugins = ["tests.components.s3"]

pytestmark = pytest.mark.parametrize("root", ["s3://bucket/a", "minio://bucket/a"])


def write(path, content):
    with fileio.open(path, "wb") as file:
        file.write(content)


def read(path):
    with fileio.open(path, "rb") as file:
        return file.read()


def test_what_is_written_is_there_under_its_key(s3, root):
    large = bytes(range(256)) * 100_000
    write(f"{root}/one", b"1")
    write(f"{root}/deep/er/two", large)
    assert s3.objects == {"a/one": b"1", "a/deep/er/two": large}
    assert s3.keys == {"someone"}
    assert read(f"{root}/deep/er/two") == large
    assert fileio.exists(f"{root}/one") and not fileio.exists(f"{root}/three")
    assert fileio.isdir(f"{root}/deep") and not fileio.isdir(f"{root}/one")


def test_texts_are_utf_8(s3, root):
    with fileio.open(f"{root}/text", "w") as file:
        file.write("größe\n")
    assert s3.objects == {"a/text": "größe\n".encode()}
    with fileio.open(f"{root}/text") as file:
        assert file.read() == "größe\n"


def test_folders_are_listed_walked_and_removed(s3, root):
    for name in ("x/1", "x/2", "x/y/3", "z"):
        write(f"{root}/{name}", b"")
    assert sorted(fileio.listdir(root)) == ["x", "z"]
    walked = [(top, sorted(folders), sorted(files)) for top, folders, files in fileio.walk(root)]
    assert walked == [
        (root, ["x"], ["z"]), (f"{root}/x", ["y"], ["1", "2"]), (f"{root}/x/y", [], ["3"]),
    ]  # fmt: skip
    assert sorted(fileio.glob(f"{root}/x/*")) == [f"{root}/x/1", f"{root}/x/2", f"{root}/x/y"]
    fileio.rmtree(f"{root}/x")
    assert {key for key, data in s3.objects.items() if not key.endswith("/")} == {"a/z"}
    assert list(fileio.walk(f"{root}/none")) == [(f"{root}/none", [], [])]


def test_folders_are_copied_to_and_from_a_disk(s3, root, tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "file").write_bytes(b"abc")
    io_utils.copy_dir(str(tmp_path / "in"), f"{root}/copy")
    assert s3.objects["a/copy/deep/file"] == b"abc"
    io_utils.copy_dir(f"{root}/copy", str(tmp_path / "out"))
    assert (tmp_path / "out" / "deep" / "file").read_bytes() == b"abc"


def test_what_is_not_there_is_an_error_of_tfx(s3, root):
    with pytest.raises(filesystem.NotFoundError):
        read(f"{root}/none")


def test_models_are_pushed_marker_last(s3, root, tmp_path):
    (tmp_path / "variables").mkdir()
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    (tmp_path / "variables" / "v").write_bytes(b"values")
    tried = []
    version, made = objects.push(str(tmp_path), root, tried.append)
    assert made and list(s3.objects)[-1] == f"a/{version}/saved_model.pb"
    assert tried == [str(tmp_path), f"{root}/{version}"]
    assert objects.push(str(tmp_path), root, tried.append) == (version, False)


def test_minio_needs_to_be_told_where(root, monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    object_store._store.cache_clear()
    if root.startswith("minio"):
        with pytest.raises(InputError, match="AWS_ENDPOINT_URL must say where the store is"):
            fileio.exists(root)
