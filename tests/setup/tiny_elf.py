"""Writes the smallest shared library that has versioned imports (it cannot be run)."""

from __future__ import annotations

import struct

from elf_imports import DYNSYM, VERNEED, VERSYM, elf_hash


def tiny_elf(needs: list[tuple[str, str]], imports: list[tuple[str, int]], also: str = "") -> bytes:
    """A library with `imports` (name, number of its need) of `needs` (library, version).

    Version indices count from 2, in the order of `needs`. `also` lists further names, separated by
    spaces, that the string table holds.
    """
    strings = bytearray(b"\0")

    def text(name: str) -> int:
        strings.extend(name.encode() + b"\0")
        return len(strings) - len(name) - 1

    verneed = b""
    for number, (library, version) in enumerate(needs):
        step = 32 if number + 1 < len(needs) else 0
        verneed += struct.pack("<HHIII", 1, 1, text(library), 16, step)
        verneed += struct.pack(
            "<IHHII", elf_hash(version.encode()), 0, number + 2, text(version), 0
        )
    dynsym = b"".join(struct.pack("<I20x", text(name)) for name, _ in imports)
    versym = b"".join(struct.pack("<H", need + 2) for _, need in imports)
    for name in also.split():
        text(name)

    bodies = [(3, 0, 0, bytes(strings)), (DYNSYM, 1, 0, dynsym), (VERSYM, 2, 0, versym)]
    bodies.append((VERNEED, 1, len(needs), verneed))
    headers, data = [bytes(64)], b""
    for kind, link, info, body in bodies:
        at = 64 + len(data)
        headers.append(struct.pack("<IIQQQQIIQQ", 0, kind, 0, at, at, len(body), link, info, 0, 0))
        data += body
    header = struct.pack(
        "<4sBB10xHHIQQQIHHHHHH",
        *(b"\x7fELF", 2, 1, 3, 62, 1, 0, 0, 64 + len(data), 0, 64, 0, 0, 64, len(headers), 0),
    )
    return header + data + b"".join(headers)
