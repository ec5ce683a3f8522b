"""Characters in ids that do not show as what they are: ids that look alike may be two."""

from __future__ import annotations

import re
import unicodedata

import pyarrow as pa

from components.behavior_example_gen.cells.parse import is_plain, is_text, matches, to_text

# Format characters (Unicode's Cf), such as soft hyphens and joiners; controls but line ends, which
# are told by themselves; spaces of other widths, but the one of Chinese and Japanese; fillers and
# selectors without a width; and what stands for bytes that could not be read.
_RANGES = (
    r"\x01-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\xa0\u034f\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f"
    r"\u2000-\u200a\u202f\u205f\u3164\ufe00-\ufe0f\uffa0\ufffd\U000e0100-\U000e01ef"
)
_RANGED = re.compile(f"[{_RANGES}]")
_OF_ARROW = "[" + re.sub(r"\\[uUx]([0-9a-f]+)", r"\\x{\1}", _RANGES) + r"\p{Cf}]"


def unseen(cells: pa.Array) -> tuple[int, str]:
    """Returns how many texts hold such a character, and the least of them ("" if there is none)."""
    if not is_text(cells.type) or is_plain(text := to_text(cells)):
        return 0, ""
    found = text.filter(pa.array(matches(text, _OF_ARROW)))
    return len(found), min(found.unique().to_pylist(), default="")


def named(text: str) -> str:
    """Returns the first such character of a text as Unicode names it, and the text in ASCII."""
    character = next(c for c in text if _RANGED.match(c) or unicodedata.category(c) == "Cf")
    name = unicodedata.name(character, "a control character")
    return f"U+{ord(character):04X} ({name}) in {text!a}"
