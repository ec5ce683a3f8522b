"""s3:// and minio:// for TFX's file operations, through Arrow: TensorFlow opens neither.

Credentials are those of AWS's tools: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, and
AWS_ENDPOINT_URL for stores other than Amazon's. Importing this module makes the schemes known.
"""

from __future__ import annotations

import fnmatch
import functools
import io
import os
import posixpath
import re
from collections.abc import Callable, Iterable
from typing import Any

from pyarrow import fs
from tfx.dsl.io import filesystem, filesystem_registry

from components.errors import InputError

_BLOCK = 1 << 22


@functools.cache
def _store(scheme: str, endpoint: str | None) -> fs.S3FileSystem:
    if endpoint is None and scheme == "minio":
        raise InputError(
            "minio://: the environment variable AWS_ENDPOINT_URL must say where the store is, such "
            "as http://seaweedfs.kubeflow:9000, which came with Kubeflow"
        )
    return fs.S3FileSystem(endpoint_override=endpoint)


def _at(path: Any) -> tuple[fs.S3FileSystem, str]:
    """The store of a path, and the path in it: bucket and key."""
    scheme, _, key = os.fsdecode(path).partition("://")
    return _store(scheme, os.environ.get("AWS_ENDPOINT_URL")), key.rstrip("/")


def _info(path: Any) -> fs.FileInfo:
    store, key = _at(path)
    return store.get_file_info(key)


class ObjectStore(filesystem.Filesystem):
    """The objects below a bucket, as files and folders; each appears whole, when it is closed."""

    SUPPORTED_SCHEMES = ["s3://", "minio://"]  # noqa: RUF012

    @staticmethod
    def open(name: Any, mode: str = "r") -> Any:
        store, key = _at(name)
        try:
            if mode.startswith("r"):
                opened = store.open_input_file(key)
            else:
                opened = store.open_output_stream(key)
        except FileNotFoundError as error:
            raise filesystem.NotFoundError() from error
        return opened if "b" in mode else io.TextIOWrapper(opened, encoding="utf-8")

    @staticmethod
    def copy(src: Any, dst: Any, overwrite: bool = False) -> None:
        from tfx.dsl.io import fileio  # which imports all file systems

        if not overwrite and fileio.exists(dst):
            raise OSError(f"{dst}: exists already")
        with fileio.open(src, "rb") as source, fileio.open(dst, "wb") as target:
            while block := source.read(_BLOCK):
                target.write(block)

    @staticmethod
    def exists(path: Any) -> bool:
        return _info(path).type != fs.FileType.NotFound

    @staticmethod
    def isdir(path: Any) -> bool:
        return _info(path).type == fs.FileType.Directory

    @staticmethod
    def listdir(path: Any) -> list[Any]:
        store, key = _at(path)
        try:
            return [info.base_name for info in store.get_file_info(fs.FileSelector(key))]
        except FileNotFoundError as error:
            raise filesystem.NotFoundError() from error

    @staticmethod
    def glob(pattern: Any) -> list[Any]:
        text = os.fsdecode(pattern)
        base = re.split(r"[*?\[]", text, maxsplit=1)[0].rpartition("/")[0]
        found = (
            posixpath.join(folder, name)
            for folder, folders, files in ObjectStore.walk(base)
            for name in (*folders, *files)
        )
        depth = text.count("/")
        return [path for path in found if path.count("/") == depth and fnmatch.fnmatch(path, text)]

    @staticmethod
    def makedirs(path: Any) -> None:
        """Does nothing: a folder is there once an object is in it."""

    mkdir = makedirs

    @staticmethod
    def remove(path: Any) -> None:
        store, key = _at(path)
        store.delete_file(key)

    @staticmethod
    def rename(src: Any, dst: Any, overwrite: bool = False) -> None:
        ObjectStore.copy(src, dst, overwrite)
        ObjectStore.remove(src)

    @staticmethod
    def rmtree(path: Any) -> None:
        store, key = _at(path)
        store.delete_dir(key)

    @staticmethod
    def stat(path: Any) -> Any:
        return _info(path)

    @staticmethod
    def walk(
        top: Any, topdown: bool = True, onerror: Callable[..., None] | None = None
    ) -> Iterable[tuple[Any, list[Any], list[Any]]]:
        store, key = _at(top)
        infos = store.get_file_info(fs.FileSelector(key, allow_not_found=True))
        folders = [info.base_name for info in infos if info.type == fs.FileType.Directory]
        files = [info.base_name for info in infos if info.type == fs.FileType.File]
        if topdown:
            yield top, folders, files
        for folder in folders:
            yield from ObjectStore.walk(posixpath.join(top, folder), topdown, onerror)
        if not topdown:
            yield top, folders, files


filesystem_registry.DEFAULT_FILESYSTEM_REGISTRY.register(ObjectStore, priority=5)
