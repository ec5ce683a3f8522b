"""What a user is warned of, though the log can be used."""

from __future__ import annotations

from components.behavior_example_gen.cells.likely import usual
from components.behavior_example_gen.clean.account import Counts
from components.behavior_example_gen.clean.notes import iso
from components.behavior_example_gen.config.ingest_config import IngestConfig


def remarks(counts: Counts, config: IngestConfig) -> list[str]:
    """Returns a sentence for each thing that may not be meant."""
    found = []
    for part, rows in counts.notes.zeros.items():
        found.append(
            f"`log.columns.{part}`: {rows:,} cells begin with zeros, which `type: int` takes off: "
            f"007 is 7. Set `type: string` to tell them apart."
        )
    items, known = config.log.items, counts.known_items
    if items is not None and known < items.min_known * counts.rows:
        found.append(
            f"`log.items`: {known:,} of {counts.rows:,} rows ({known / counts.rows:.1%}) have an "
            f"item that is in {items.files}, fewer than `log.items.min_known` = "
            f"{items.min_known:.0%}. Mend `log.items.key` ({items.key!r}), or lower it."
        )
    for table, span in counts.spans.items():
        column = config.mapping(table).time
        made_up = config.log.simulator is not None or column.format is not None
        if span.clock and not made_up and not usual(span.first, span.last):
            found.append(
                f"`columns.time` of the {table}: times from {iso(span.first)} to {iso(span.last)} "
                f"are not between 1990 and now. If they are no times, set `unit: order`."
            )
    return found
