"""The checksum of TFRecord files, as they are read and written."""

from __future__ import annotations

import google_crc32c


def checksum(data: bytes) -> int:
    """Returns the checksum of the TFRecord format: CRC-32C, rotated by 15 bits, plus a constant."""
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
