"""Paths as they are: what exists is meant literally, whatever characters its name has.

Beam takes `[`, `?` and `*` anywhere in a path for a pattern, and knows no way to say otherwise: in
`out [1]` it finds none of its own files.
"""

from __future__ import annotations

import glob
import os
import re

from apache_beam.io.filesystem import FileMetadata, MatchResult
from apache_beam.io.localfilesystem import LocalFileSystem


def split(path: str) -> tuple[str, str]:
    """Cuts a local path behind the folders that exist; what follows is a name or a pattern."""
    parts = path.split("/")
    for size in range(len(parts) - 1, 0, -1):
        base = "/".join(parts[:size]) or "/"
        if os.path.isdir(base):
            return base, "/".join(parts[size:])
    return ".", path


def take_paths_literally() -> None:
    """Makes Beam take only what follows the folders that exist for a pattern, in this process."""
    # Beam offers no way but to replace it.
    LocalFileSystem.match = _match  # type: ignore[method-assign, assignment]


def _match(
    self: LocalFileSystem, patterns: list[str], limits: list[int | None] | None = None
) -> list[MatchResult]:
    limits = limits or [None] * len(patterns)
    pairs = zip(patterns, limits, strict=True)
    return [MatchResult(pattern, _found(self, pattern)[:limit]) for pattern, limit in pairs]


def _found(system: LocalFileSystem, pattern: str) -> list[FileMetadata]:
    if pattern.endswith("/"):
        pattern += "*"
    if system.exists(pattern):
        return [system.metadata(pattern)]
    base, rest = split(pattern)
    if not glob.has_magic(rest):
        return []
    wanted = re.compile(system.translate_pattern(rest))
    return [file for file in system._list(base) if wanted.match(file.path[len(base) :].lstrip("/"))]
