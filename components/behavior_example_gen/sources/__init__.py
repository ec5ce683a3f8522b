"""Where logs come from, behind one interface: files, TFDS, BigQuery, any Beam IO, the simulator."""

from components.behavior_example_gen.sources.log import (
    fingerprint,
    log_size,
    open_sources,
    read_log,
)

__all__ = [
    "fingerprint",
    "log_size",
    "open_sources",
    "read_log",
]
