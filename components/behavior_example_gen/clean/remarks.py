"""What a user is warned of, though the log can be used."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from components.behavior_example_gen.clean.account import Counts
from components.behavior_example_gen.clean.notes import iso
from components.behavior_example_gen.config.ingest_config import IngestConfig, section
from components.behavior_example_gen.config.log_config import JoinedConfig

_DIFFERING = 0.05  # share of the items beyond which a feature is hardly one of items
_AGAIN = "have a key that an earlier row has, which counts."


def remarks(counts: Counts, config: IngestConfig) -> list[str]:
    """Returns a sentence for each thing that may not be meant."""
    found = []
    for key, rows in counts.notes.zeros.items():
        found.append(
            f"`{key}`: {rows:,} cells begin with zeros, which the type int takes off: "
            f"007 is 7. Set `{key}.type: string` to tell them apart."
        )
    for key, rows in counts.notes.decimals.items():
        found.append(
            f"`{key}`: {rows:,} cells are whole numbers with a decimal point, such as 7.0, which "
            f"is another id than 7. Set `{key}.type: int` to read them as one."
        )
    for key, rows in counts.notes.rounded.items():
        found.append(
            f"`{key}`: {rows:,} cells are numbers as a spreadsheet rounds them, such as 1.23E+18: "
            f"several ids may have become one. Export them as text."
        )
    for name, joined in config.log.tables.items():
        found += _of_table(name, joined, counts)
    for name in config.vectors:
        if repeated := counts.notes.repeated[name]:
            found.append(f"`features.{name}`: {repeated:,} rows {_AGAIN}")
    for name, items in counts.notes.differing.items():
        total = counts.notes.valued[name]
        if items > _DIFFERING * total:
            drawn = config.label.negatives is not None
            belongs = (
                "`of: event`; not to `of: context`, as a drawn negative has its positive's"
                if drawn
                else "`of: context` or `of: event`"
            )
            found.append(
                f"`features.{name}`: {items:,} of {total:,} items ({items / total:.1%}) have "
                f"different values in different rows, of which the last counts: it belongs to "
                f"{belongs}."
            )
    for table, span in counts.spans.items():
        column, key = config.mapping(table).time, f"{section(table)}.columns.time"
        made_up = config.log.simulator is not None or column.format is not None
        if span.unusual and not made_up:
            found.append(
                f"`{key}`: {span.unusual:,} of {span.rows:,} times, which go from "
                f"{iso(span.first)} to {iso(span.last)}, are not between 1990 and now. If they are "
                f"no times, set `{key}.unit: order`."
            )
    return found


def _of_table(name: str, table: JoinedConfig, counts: Counts) -> Iterator[str]:
    known = counts.known[name]
    if known < table.min_known * counts.rows:
        a = "an" if table.of == "item" else "a"
        yield (
            f"`log.tables.{name}`: {known:,} of {counts.rows:,} rows ({known / counts.rows:.1%}) "
            f"have {a} {table.of} that is in {table.files}, fewer than "
            f"`log.tables.{name}.min_known` = {table.min_known:.0%}. Mend `log.tables.{name}.key` "
            f"({table.key!r}), or lower it."
        )
    if repeated := counts.notes.repeated[name]:
        yield f"`log.tables.{name}`: {repeated:,} rows {_AGAIN}"
    if table.as_of is None or counts.held_out is None:
        return
    begun = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=counts.held_out)
    if datetime.datetime.combine(table.as_of, datetime.time()) > begun:
        yield (
            f"`log.tables.{name}` is as of {table.as_of}, but what is validated begins at "
            f"{begun.isoformat()}Z: what it says of then knows the future, and flatters the model. "
            f"Take an earlier snapshot, or columns that do not change."
        )
