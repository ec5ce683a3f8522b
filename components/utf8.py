"""Names that are no text, which Python keeps as halves of a pair (PEP 383)."""

from __future__ import annotations


def is_utf8(text: str) -> bool:
    """Returns whether a text, such as a path, can be written in UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
