"""Reads and edits what a shared library imports from others (ELF, 64-bit, little-endian).

The file names an import in `.dynsym` (an offset into the string table) and gives the import's
version in `.gnu.version` (an index), which `.gnu.version_r` explains (library, version name, hash).
All three are edited in place and nothing moves, so a new name must already lie in the string table.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

DYNSYM, VERSYM, VERNEED = 11, 0x6FFFFFFF, 0x6FFFFFFE  # section types of the ELF specification


class ElfError(ValueError):
    """The file is not a shared library of the expected kind, or lacks what an edit needs."""


class Need(NamedTuple):
    """One version that a library requires of another (a `Vernaux` record)."""

    library: bytes
    version: bytes
    index: int  # stands for it in .gnu.version
    at: int  # position of the record in the file


class Import(NamedTuple):
    """One entry of the dynamic symbol table."""

    number: int
    name: bytes
    index: int  # of its version


def elf_hash(name: bytes) -> int:
    """The hash of a version name, as the System V ABI defines it."""
    value = 0
    for byte in name:
        value = (value << 4) + byte
        high = value & 0xF0000000
        value = (value ^ (high >> 24)) & ~high
    return value


class ElfImports:
    """The imports of a shared library, editable in memory: see `content`.

    Raises:
      ElfError: if the bytes are not such a library, or are cut short.
    """

    def __init__(self, content: bytes):
        self._data = bytearray(content)
        if content[:6] != b"\x7fELF\x02\x01":
            raise ElfError("it is not a 64-bit little-endian ELF file")
        (table,) = self._read("<Q", 40)
        size, count = self._read("<HH", 58)
        sections = [self._read("<IIQQQQII", table + i * size) for i in range(count)]
        found = {section[1]: section for section in sections}
        if not {DYNSYM, VERSYM, VERNEED} <= found.keys():
            raise ElfError("it has no table of versioned symbols")
        self._symbols, self._symbols_size, strings = found[DYNSYM][4:7]
        self._versions = found[VERSYM][4]
        self._libraries, self._library_count = found[VERNEED][4], found[VERNEED][7]
        begin, size = sections[strings][4:6]
        self._strings, self._strings_end = begin, begin + size

    @property
    def content(self) -> bytes:
        return bytes(self._data)

    def needs(self) -> Iterator[Need]:
        library_at = self._libraries
        for _ in range(self._library_count):
            _, count, library, first, step = self._read("<HHIII", library_at)
            at = library_at + first
            for _ in range(count):
                _, _, index, version, next_ = self._read("<IHHII", at)
                yield Need(self._string(library), self._string(version), index, at)
                at += next_
            library_at += step

    def imports(self) -> Iterator[Import]:
        for number in range(self._symbols_size // 24):
            (name,) = self._read("<I", self._symbols + 24 * number)
            (index,) = self._read("<H", self._versions + 2 * number)
            yield Import(number, self._string(name), index & 0x7FFF)  # the top bit only hides

    def rename_import(self, number: int, name: bytes, index: int) -> None:
        struct.pack_into("<I", self._data, self._symbols + 24 * number, self._offset_of(name))
        struct.pack_into("<H", self._data, self._versions + 2 * number, index)

    def rename_version(self, need: Need, version: bytes) -> None:
        struct.pack_into("<I", self._data, need.at, elf_hash(version))
        struct.pack_into("<I", self._data, need.at + 8, self._offset_of(version))

    def _read(self, layout: str, at: int) -> tuple[int, ...]:
        try:
            return struct.unpack_from(layout, self._data, at)
        except struct.error as error:
            raise ElfError("it is cut short") from error

    def _string(self, offset: int) -> bytes:
        start = self._strings + offset
        end = self._data.find(0, start, self._strings_end)
        if end < 0:
            raise ElfError("it is cut short")
        return bytes(self._data[start:end])

    def _offset_of(self, name: bytes) -> int:
        at = self._data.find(name + b"\0", self._strings, self._strings_end)  # or a string's end
        if at < 0:
            raise ElfError(f"its string table lacks the name {name.decode()}")
        return at - self._strings
