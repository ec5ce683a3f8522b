"""Byte-order marks: they begin a text, and stay in the middle of one that was put together."""

from __future__ import annotations

import codecs
import re

_MARKS = re.compile(rb"^(?:" + codecs.BOM_UTF8 + rb")+", re.MULTILINE)


def without_marks(text: bytes) -> bytes:
    """Takes the marks off the lines of a UTF-8 text: they would be part of the first cell."""
    return _MARKS.sub(b"", text) if codecs.BOM_UTF8 in text else text
