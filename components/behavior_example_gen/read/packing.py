"""Opens files, unpacked where they are packed: what a file holds decides, not its name."""

from __future__ import annotations

import contextlib
import re
import zipfile
from collections.abc import Iterator
from typing import BinaryIO, cast

import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read import members

# Files of these names are expected to be packed; of a zip file, the name of its member counts.
_SUFFIX = re.compile(r"\.(gz|gzip|bz2|zst|zstd|xz|zip)$", re.IGNORECASE)
_ZIP = b"PK"
# How files begin: Arrow's codec, or the name of what cannot be read.
_PACKED = {
    b"\x1f\x8b\x08": "gzip",
    b"BZh": "bz2",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\x00": "xz",
    _ZIP + b"\x03\x04": "zip",
    _ZIP + b"\x05\x06": "zip",
    # What pzstd and seekable files begin with, to be skipped.
    **{bytes([0x50 + number]) + b"\x2a\x4d\x18": "zstd" for number in range(16)},
}
_FOREIGN = {
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "RAR",
    b"\x1f\x9d": "compress (.Z)",
    b"\x04\x22\x4d\x18": "lz4",
    b"\x89LZO": "lzop",
    b"\xff\x06\x00\x00sNaPpY": "snappy",
    b"\x5d\x00\x00": "lzma",
}
_HEAD_BYTES = 10


@contextlib.contextmanager
def open_plain(path: str) -> Iterator[BinaryIO]:
    """Opens a file as it is."""
    with contextlib.closing(
        FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
    ) as file:
        yield file


@contextlib.contextmanager
def open_unpacked(path: str) -> Iterator[BinaryIO]:
    """Opens a file, decompressed to the end of its last member; a truncated one is an error.

    Raises:
      LogError: if it is packed in a way that cannot be read.
    """
    with open_plain(path) as file:
        kind = _packing(file)
        for begin, name in _FOREIGN.items():
            if _head(file).startswith(begin):
                raise LogError(f"{path}: is packed as {name}, which cannot be read. {_WAY_OUT}")
        if kind is None:
            yield file
        elif kind in members.KINDS:
            yield members.unpacked(file, kind)
        elif kind == "zip":
            with _zipped(path, file) as archive, archive.open(_member(path, archive)) as member:
                yield cast(BinaryIO, member)
        else:  # zstd by Arrow, which unlike Beam notices a truncated file
            with pa.CompressedInputStream(pa.PythonFile(file, mode="r"), kind) as stream:
                yield stream


def packing(path: str) -> str | None:
    """Returns how a file is packed, None if not at all."""
    with open_plain(path) as file:
        return _packing(file)


def is_named_packed(path: str) -> bool:
    """Whether the name of a file says that it is packed."""
    return _SUFFIX.search(path) is not None


def unpacked_name(path: str) -> str:
    """Returns the name of what is in a file: `a.csv` of `a.csv.gz`, the member's of a zip file."""
    name = path.rsplit("/", 1)[-1]
    if name.lower().endswith(".zip"):
        with contextlib.suppress(OSError), open_plain(path) as file:
            if _packing(file) == "zip":
                with _zipped(path, file) as archive:
                    return _member(path, archive).filename.rsplit("/", 1)[-1]
    return _SUFFIX.sub("", name)


_WAY_OUT = "Unpack it, or pack it as .gz, .bz2, .xz, .zst or .zip."


def _head(file: BinaryIO) -> bytes:
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    return head


def packing_of(head: bytes) -> str | None:
    """Returns how a file that begins so is packed, None if not at all."""
    return next((kind for begin, kind in _PACKED.items() if head.startswith(begin)), None)


def _packing(file: BinaryIO) -> str | None:
    return packing_of(_head(file))


def _zipped(path: str, file: BinaryIO) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except zipfile.BadZipFile as fault:
        raise LogError(
            f"{path}: is a truncated or damaged zip file ({fault}). Copy it again, complete."
        ) from fault


def _member(path: str, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """Returns the one file in a zip file; hidden ones, such as __MACOSX/, do not count."""
    members = [
        member
        for member in archive.infolist()
        if not member.is_dir()
        and not any(part.startswith((".", "_")) for part in member.filename.split("/"))
    ]
    names = [member.filename for member in members]
    if "[Content_Types].xml" in names:
        raise LogError(f"{path}: is a document, such as a spreadsheet. Save it as CSV.")
    if len(members) != 1:
        shown = f": {', '.join(sorted(names)[:10])}" if names else ""
        raise LogError(
            f"{path}: a zip file must hold one file, this one holds {len(names)}{shown}. Unpack "
            f"it into a folder, or zip each file by itself."
        )
    if members[0].flag_bits & 1:
        raise LogError(f"{path}: {names[0]} in it is encrypted. Unpack it with its password.")
    return members[0]
