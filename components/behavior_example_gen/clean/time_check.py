"""Whether the times of a log are what the configuration says they are."""

from __future__ import annotations

import collections

import pyarrow as pa

from components.behavior_example_gen.cells.columns import TimeColumn
from components.behavior_example_gen.cells.likely import EXCEL, FOREIGN, formats, without_zone
from components.behavior_example_gen.cells.time_format import read_iso
from components.behavior_example_gen.cells.times import UNITS
from components.behavior_example_gen.clean.account import Counts
from components.behavior_example_gen.config.ingest_config import IngestConfig, section
from components.behavior_example_gen.errors import LogError

_MOST, _FEW = 0.9, 0.1
_UNITS = set(UNITS) - {"day"}  # whose numbers lie apart by their size alone
_FAULTS = ("time: not ", "time: neither ")


def check_times(counts: Counts, config: IngestConfig, where: str) -> None:
    """Refuses times that are likely of another unit or form.

    Numbers of no likely unit are accepted: so are the made-up times of a test, from 0 on.

    Args:
      counts: of the log, or of the head of a table.
      config: the configuration.
      where: the log or the table, for the message.

    Raises:
      LogError: naming the column, the key, and its likely value.
    """
    for (table, told), found in counts.readings.items():
        key = f"{section(table)}.columns.time"
        column = config.mapping(table).time
        _check_mixed(found, told, f"{where}: the column {column.column!r}", config)
        _check_rounded(counts, key, f"{where}: the column {column.column!r}", config)
        likely = _likely(found, told, column)
        if likely is None:
            _check_form(counts, key, column, where)
            continue
        if likely in FOREIGN:
            raise LogError(
                f"{where}: the column {column.column!r} is read as {told}, but all of its "
                f"{found['']:,} numbers are times between 1990 and now as {likely}. Write them as "
                f"ISO 8601; or set `{key}.unit: order`, if they are no times."
            )
        remedy = f"Set `{key}.unit: {likely}`"
        if likely not in UNITS:
            remedy = f'Set `{key}.format: "{likely}"`, without `unit`'
        elif column.format is not None:
            remedy += ", and remove `format`"
        elif told != (column.unit or "s"):
            remedy = f"The file gives them the type of {told}: write it again, with {likely}"
        raise LogError(
            f"{where}: the column {column.column!r} is read as {told}, but {found[likely]:,} of "
            f"its {found['']:,} numbers are times between 1990 and now only as {likely}. {remedy}; "
            f"or `{key}.unit: order`, if they are no times."
        )


def _likely(found: collections.Counter[str], told: str, column: TimeColumn) -> str | None:
    """The one reading by which nearly all numbers are times, if that is not the one told."""
    total = found[""]
    unsure = ("", "day", *FOREIGN, told)
    sure = {name: count for name, count in found.items() if name not in unsure}
    if found[told] > _FEW * total:
        return None
    clocks = [name for name in FOREIGN if name != EXCEL and found[name] == total > 0]
    if clocks:  # before `best`: ticks of .NET are nanoseconds of 1990
        return clocks[0]
    best = max(sure, key=lambda name: sure[name], default=None)
    if best is not None and sure[best] >= _MOST * total:
        return best
    # Days are small numbers, as made-up times are: only all of them together are a sign.
    guessed = column.unit is None and column.format is None and told == "s"
    if guessed and found["day"] == total > 0:
        return "day"
    days = guessed or told == "day"
    return EXCEL if days and found[EXCEL] == total > 0 else None


def _check_mixed(
    found: collections.Counter[str], told: str, column: str, config: IngestConfig
) -> None:
    """Refuses numbers of two units: no `unit` reads both, and one of them moves by decades."""
    others = _UNITS - {told} if told in _UNITS else set()
    other = max(others, key=lambda name: found[name], default=told)
    few = config.log.max_bad_row_share * found[""]
    if other != told and found[other] > few and found[told] > _FEW * found[""]:
        raise LogError(
            f"{column} holds numbers of two units: of {found['']:,}, {found[told]:,} are times "
            f"between 1990 and now as {told}, and {found[other]:,} as {other}. Write all of them "
            f"in one unit."
        )


def _check_rounded(counts: Counts, key: str, column: str, config: IngestConfig) -> None:
    """Refuses times of which most digits are lost: what a target sees would be chance."""
    rows = counts.notes.rounded[key]
    if rows > config.log.max_bad_row_share * counts.rows:
        raise LogError(
            f"{column} holds {rows:,} numbers as a spreadsheet rounds them, such as 1.6E+09, of "
            f"{counts.rows:,}: several times have become one. Export it as text, with all digits."
        )


def _check_form(counts: Counts, key: str, column: TimeColumn, where: str) -> None:
    """Names the format of texts that were not read, if there are too many of them to be faults."""
    reasons = [reason for reason in counts.dropped if reason.startswith(_FAULTS)]
    rows = sum(counts.dropped[reason] for reason in reasons)
    cells = [
        sample.row[column.column]
        for reason in reasons
        for sample in counts.samples[reason]
        if isinstance(sample.row, dict) and column.column in sample.row
    ]
    if rows <= _MOST * counts.rows or not cells:
        return
    remedy = ""
    if column.format is not None and read_iso(pa.array(cells))[1].all():
        remedy = f"They are ISO 8601: remove `{key}.format`"
    elif fitting := formats(cells):
        remedy = " or ".join(f'`{key}.format: "{layout}"`' for layout in fitting)
        remedy = f"Set {remedy}" + (", whichever is meant" if len(fitting) > 1 else "")
    named = without_zone(cells)
    if not remedy and (read_iso(pa.array(named))[1].all() or formats(named)):
        remedy = "Names of zones are several zones each: write offsets, such as +02:00, or UTC"
    if remedy:
        told = f"format {column.format!r}" if column.format else "numbers or ISO 8601"
        raise LogError(
            f"{where}: the column {column.column!r} cannot be read as {told}: {rows:,} of "
            f"{counts.rows:,} rows have times such as {cells[0]!r}. {remedy}."
        )
