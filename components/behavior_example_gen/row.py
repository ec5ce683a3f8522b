"""A row of the log between its cells and its example: columns and marks that several rooms read."""

from __future__ import annotations

NO_TARGET = -1  # label of a row that is a behaviour but no target
_SHOWN = 40  # characters of a cell
FILTER = "where: "
DUPLICATE = "duplicate"
LABEL = "label."  # begins the names of columns that are labels beside the primary one
FEATURE = "feature."  # begins the names of columns that are features
IN_HISTORY = "in_history"  # column of a log with impressions
LACKS = "lacks"  # column of bits: which cells a row lacks, of those that it may
SEQUENCE = "sequence"  # position in the log, where that counts
_TEXT = 200  # characters of a cell that are put into quarantine
PART_ROWS = 1 << 40  # more rows than any part of a log has: sequence = part * PART_ROWS + place


def shortened(cell: str) -> str:
    """Returns a cell as a message shows it."""
    return cell if len(cell) <= _SHOWN else f"{cell[:_SHOWN]}..."


def text(cell: object) -> str:
    """Returns a cell as quarantine shows it."""
    if isinstance(cell, bytes):
        cell = cell.decode(errors="replace")
    return "" if cell is None else str(cell)[:_TEXT]
