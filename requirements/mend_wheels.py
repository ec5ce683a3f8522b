#!/usr/bin/env python3
"""Makes two native wheels load on a glibc older than the one they were built against.

ml-metadata 1.21 and tensorflow-data-validation 1.21 are published for glibc 2.39 only, yet all they
use of it is new names of old functions. This program renames those few imports in the installed
files; it needs no compiler, and changes nothing where glibc is new enough.

Usage: mend_wheels.py [SITE_PACKAGES]     (default: those of the Python that runs it)
"""

from __future__ import annotations

import os
import re
import sys
import sysconfig
import tempfile
from pathlib import Path

from elf_imports import ElfError, ElfImports

MODULES = (
    "ml_metadata/metadata_store/pywrap/metadata_store_extension.so",
    "tensorflow_data_validation/pywrap/tensorflow_data_validation_extension.so",
)
BUILT_FOR = (2, 39)  # glibc
OLDEST_MENDABLE = (2, 34)  # glibc of RHEL 9; the modules really use functions of that age

# New import -> the old libc function that serves in its place. The C23 parsers differ from the old
# ones only in reading "0b" prefixes. The C++ runtime calls __cxa_call_terminate to end the process.
# Nothing calls ios_base_library_init: it is imported only so that the linker notices an old
# libstdc++; a function without arguments or effects stands for it.
EQUIVALENTS = {
    b"__isoc23_strtol": b"strtol",
    b"__isoc23_strtoul": b"strtoul",
    b"__isoc23_strtoll": b"strtoll",
    b"__isoc23_strtoull": b"strtoull",
    b"__cxa_call_terminate": b"abort",
    b"_ZSt21ios_base_library_initv": b"__errno_location",
}
LIBC = (b"libc.so.6", b"GLIBC_2.2.5")  # the library and version of all those functions
# Per family of versions: the newest that the oldest supported systems have, and the one that takes
# the place of any newer, which every system has.
FAMILIES = {
    b"GLIBC": (OLDEST_MENDABLE, b"GLIBC_2.2.5"),
    b"GLIBCXX": ((3, 4, 29), b"GLIBCXX_3.4"),
    b"CXXABI": ((1, 3, 13), b"CXXABI_1.3"),
}


def is_too_new(version: bytes) -> bool:
    family, _, number = version.partition(b"_")
    if family not in FAMILIES or not re.fullmatch(rb"\d+(\.\d+)*", number):
        return False
    return tuple(map(int, number.split(b"."))) > FAMILIES[family][0]


def mended(content: bytes) -> tuple[bytes, list[str]]:
    """A module's content with old imports for new, and the names of the imports changed.

    Raises:
      ElfError: if the module needs something new whose older equivalent is not known.
    """
    module = ElfImports(content)
    needs = list(module.needs())
    new = {need.index: need for need in needs if is_too_new(need.version)}
    if not new:
        return content, []
    imports = [entry for entry in module.imports() if entry.index in new]
    unknown = [
        f"{entry.name.decode()} ({new[entry.index].version.decode()})"
        for entry in imports
        if entry.name not in EQUIVALENTS
    ]
    if unknown:
        raise ElfError(f"no older equivalent is known for {', '.join(unknown)}")
    libc = [need.index for need in needs if (need.library, need.version) == LIBC]
    if not libc:
        raise ElfError("it imports nothing from libc.so.6 at version GLIBC_2.2.5")
    for entry in imports:
        module.rename_import(entry.number, EQUIVALENTS[entry.name], libc[0])
    for need in new.values():
        module.rename_version(need, FAMILIES[need.version.partition(b"_")[0]][1])
    return module.content, [entry.name.decode() for entry in imports]


def mend_file(path: Path) -> list[str]:
    """Mends one module where it lies; returns the names of the imports changed."""
    content, names = mended(path.read_bytes())
    if names:
        # The installer's cache shares this file by a hard link: replace it, never write through
        # it. Nor is a replacement ever seen half done.
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.chmod(temporary, path.stat().st_mode)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    return names


def glibc_version() -> tuple[int, ...]:
    """The running glibc; () on a system without one."""
    try:
        text = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        return ()
    return tuple(map(int, re.findall(r"\d+", text)))


def main(arguments: list[str]) -> int:
    glibc = glibc_version()
    if glibc >= BUILT_FOR:
        print("mend_wheels: glibc is new enough; nothing to do")
        return 0
    if glibc < OLDEST_MENDABLE:
        print(
            "mend_wheels: TFX's native wheels need Linux with glibc 2.34 or newer. "
            f"Found: {'.'.join(map(str, glibc)) or 'no glibc'}. "
            "Use a newer system (Debian 12, Ubuntu 22.04, RHEL 9 ...) or the image of docker/.",
            file=sys.stderr,
        )
        return 1
    site_packages = Path(arguments[0] if arguments else sysconfig.get_path("platlib"))
    for module in MODULES:
        path = site_packages / module
        try:
            names = mend_file(path)
        except (ElfError, OSError) as error:
            print(
                f"mend_wheels: cannot mend {path}: {error}.\n"
                "If the file is damaged: make clean setup. If the wheel is of another version: "
                "extend EQUIVALENTS in requirements/mend_wheels.py, or use glibc 2.39 or newer.",
                file=sys.stderr,
            )
            return 1
        print(f"mend_wheels: {path.name}: {', '.join(names) or 'nothing to mend'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
