"""Where logs come from, behind one interface: files, TFDS, BigQuery, any Beam IO, the simulator."""

from components.behavior_example_gen.sources.block import NOT_UTF8, RAGGED, Block, Rejected
from components.behavior_example_gen.sources.files import find_files
from components.behavior_example_gen.sources.from_files import read_file, read_table
from components.behavior_example_gen.sources.log import (
    fingerprint,
    log_size,
    open_sources,
    read_log,
)

__all__ = [
    "NOT_UTF8",
    "RAGGED",
    "Block",
    "Rejected",
    "find_files",
    "fingerprint",
    "log_size",
    "open_sources",
    "read_file",
    "read_log",
    "read_table",
]
