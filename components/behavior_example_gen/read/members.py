"""Unpacks the members of a packed file, one after the other, to the last byte.

Python's own reader takes a second xz stream that is damaged for the end of the file, and Arrow's
takes the zeros behind a gzip file, which tapes and copies of whole blocks leave, for damage.
"""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from typing import Any, BinaryIO, cast

_BLOCK_BYTES = 1 << 18
_GZIP_WINDOW = 31  # of zlib: a window of 32 KiB, behind a header of gzip
_UNPACKERS: dict[str, Any] = {
    "gzip": lambda: zlib.decompressobj(_GZIP_WINDOW),
    "bz2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ),
}
KINDS = frozenset(_UNPACKERS)


def unpacked(file: BinaryIO, kind: str) -> BinaryIO:
    """Returns what a file of a kind of `KINDS` holds.

    Reading raises EOFError if it is truncated, zlib.error, OSError or lzma.LZMAError if a member is
    damaged, or anything but zeros follows the last one.
    """
    return cast(BinaryIO, io.BufferedReader(_Members(file, kind), _BLOCK_BYTES))


class _Members(io.RawIOBase):
    def __init__(self, file: BinaryIO, kind: str):
        self._file, self._kind = file, kind
        self._packed = b""  # what was read, and is not unpacked yet
        self._member: Any = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while self._member is not None or self._begins():
            member = self._member
            if not self._packed and getattr(member, "needs_input", True):
                self._packed = self._file.read(_BLOCK_BYTES)
                if not self._packed:
                    raise EOFError("the file ends within a member")
            found = member.decompress(self._packed, len(buffer))
            self._packed = getattr(member, "unconsumed_tail", b"")  # zlib's; others keep their own
            if member.eof:
                self._packed, self._member = member.unused_data, None
            if found:
                buffer[: len(found)] = found
                return len(found)
        return 0

    def _begins(self) -> bool:
        """Begins the next member, behind zeros; False at the end of the file."""
        while not (packed := self._packed.lstrip(b"\0")):
            self._packed = self._file.read(_BLOCK_BYTES)
            if not self._packed:
                return False
        self._packed, self._member = packed, _UNPACKERS[self._kind]()
        return True
