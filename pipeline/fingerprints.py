"""Digests of source code, so that TFX's cache notices edits of code named by a dotted path."""

from __future__ import annotations

import hashlib
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]


def code(*patterns: str) -> str:
    """Digest of the source files that match, such as `"models/**/*.py"`.

    Raises:
      ValueError: if a pattern matches nothing: a renamed file would silently stop counting.
    """
    digest = hashlib.sha256()
    for pattern in patterns:
        files = sorted(path for path in _ROOT.glob(pattern) if path.is_file())
        if not files:
            raise ValueError(f"`patterns`: no source file matches {pattern!r}")
        for path in files:
            digest.update(str(path.relative_to(_ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
