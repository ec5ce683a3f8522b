"""Writes the text files of logs."""

from __future__ import annotations

import gzip
from pathlib import Path


def write_log(path: Path, text: str | bytes) -> Path:
    """Writes a file, compressed if its name says so."""
    data = text.encode() if isinstance(text, str) else text
    path.write_bytes(gzip.compress(data, mtime=0) if path.name.endswith(".gz") else data)
    return path
