"""Finds and opens files through Beam's file systems: local, gs://, s3:// and others."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes, FileMetadata
from apache_beam.io.filesystems import FileSystems

from components.behavior_example_gen.errors import LogError

# What of apache-beam must be installed for a scheme of paths.
_EXTRAS = {"gs": "gcp", "s3": "aws", "azfs": "azure", "hdfs": "hadoop"}


def find_files(folder: str, names: str | Sequence[str]) -> list[FileMetadata]:
    """Returns the files that the names, globs or folders mean, sorted by path, each once.

    Raises:
      LogError: if a name means no file, or its kind of path needs a package that is missing.
    """
    found: dict[str, FileMetadata] = {}
    for name in [names] if isinstance(names, str) else names:
        absolute = name.startswith("/") or "://" in name
        if not absolute:
            _check_scheme(folder)
        pattern = name if absolute else FileSystems.join(folder, name)
        _check_scheme(pattern)
        matches = _match(pattern.rstrip("/") + "/**") or _match(pattern)
        if not matches:
            beside = "" if absolute else FileSystems.join(folder, "*")
            present = [FileSystems.split(m.path)[1] for m in (_match(beside) if beside else [])]
            raise LogError(
                f"No file matches {pattern!r}. {nearest(name, present)} Check `folder` and `files`."
            )
        found |= {match.path: match for match in matches}
    return [found[path] for path in sorted(found)]


@contextlib.contextmanager
def open_plain(path: str) -> Iterator[BinaryIO]:
    """Opens a file as it is."""
    with contextlib.closing(
        FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
    ) as file:
        yield file


@contextlib.contextmanager
def open_unpacked(path: str) -> Iterator[BinaryIO]:
    """Opens a file, decompressed by Arrow, which unlike Beam notices a truncated gzip."""
    with open_plain(path) as file:
        if path.endswith(".gz"):
            with pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "gzip") as stream:
                yield stream
        else:
            yield file


def nearest(name: str, present: Sequence[str]) -> str:
    """Returns a sentence on what there is, and what may have been meant."""
    if not present:
        return "There is nothing there."
    near = difflib.get_close_matches(name, present, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    shown = ", ".join(sorted(present)[:30])
    return f"Present: {shown}.{hint}"


def check_columns(path: str, wanted: Sequence[str], present: Sequence[str]) -> None:
    """Refuses a table without exactly one column of each wanted name.

    Raises:
      LogError: naming the table, the column and the nearest one.
    """
    for name in wanted:
        if list(present).count(name) != 1:
            times = "no" if name not in present else "more than one"
            raise LogError(
                f"{path}: has {times} column {name!r}. {nearest(name, present)} Mend the name in "
                f"`log.columns` (or `features`, `label`, `where`, `split`), `csv.header` or "
                f"`csv.delimiter`."
            )


def _check_scheme(path: str) -> None:
    try:
        FileSystems.get_filesystem(path)
    except ValueError as fault:
        raise LogError(f"{path}: unknown kind of path.{_needs(path)}") from fault


def _needs(path: str) -> str:
    """Returns a sentence on what paths of an object store need."""
    scheme = path.partition("://")[0]
    extra = _EXTRAS.get(scheme)
    if extra is None:
        return ""
    return f" Paths of {scheme}:// need: pip install 'apache-beam[{extra}]', and access to them."


def _match(pattern: str) -> list[FileMetadata]:
    try:
        matches = FileSystems.match([pattern])[0].metadata_list
    except Exception as fault:
        raise LogError(f"{pattern}: cannot be looked up: {fault}.{_needs(pattern)}") from fault
    hidden = ("_", ".")
    return [m for m in matches if not FileSystems.split(m.path)[1].startswith(hidden)]
