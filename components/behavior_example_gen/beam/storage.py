"""Folders and small files, local or in an object store."""

from __future__ import annotations

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems


def make(folder: str) -> None:
    """Makes a folder, if it does not exist."""
    if not FileSystems.exists(folder):
        FileSystems.mkdirs(folder)


def remove(path: str) -> None:
    """Removes a file, or a folder and all that is in it, if it exists."""
    inside = FileSystems.match([FileSystems.join(path, "**")])[0].metadata_list
    if inside:  # an object store has no folder to remove, only what is "in" it
        FileSystems.delete([file.path for file in inside])
    if FileSystems.exists(path):
        FileSystems.delete([path])


def write_text(text: str, path: str) -> None:
    """Writes a file, over one that is there."""
    with FileSystems.create(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        file.write(text.encode())
