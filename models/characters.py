"""Characters of a configuration, as people write the ones that have no key."""

from __future__ import annotations

import re
from typing import Annotated

import pydantic

_NAMES = {"tab": "\t", "space": " ", "comma": ",", "semicolon": ";", "pipe": "|"}
_LETTERS = {"t": "\t", "\\": "\\", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "s": " ", "|": "|"}
_NUMBER = re.compile(r"(?:\\+x|0x|\\+u|U\+)(?P<hex>[0-9a-fA-F]{2,4})|\\+(?P<octal>[0-7]{1,3})")
_CARET = re.compile(r"\^([A-Z\[\]\\^_])")


def meant(text: str) -> str:
    r"""Returns the character that a text means: a tab for `\t`, `\\t`, `\x09`, `\011`, `^I`, `tab`.

    A text that means none, such as `::`, is what it is.

    Raises:
      ValueError: if it begins with a backslash, and means nothing.
    """
    if text.lower() in _NAMES:
        return _NAMES[text.lower()]
    if found := _NUMBER.fullmatch(text):
        return chr(int(found["hex"], 16) if found["hex"] else int(found["octal"], 8))
    if found := _CARET.fullmatch(text):
        return chr(ord(found[1]) - ord("@"))
    if len(text) > 1 and text.startswith("\\"):
        letter = text.lstrip("\\") or "\\"
        if letter not in _LETTERS:
            raise ValueError(
                rf"{text!r} means no character. Write it as it is, or as \t, \x01 or tab."
            )
        return _LETTERS[letter]
    return text


def _of(value: object) -> object:
    return meant(value) if isinstance(value, str) else value


Character = Annotated[str, pydantic.BeforeValidator(_of)]
