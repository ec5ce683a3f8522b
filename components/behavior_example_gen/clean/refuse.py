"""Whether what became of a log's rows can be trained on."""

from __future__ import annotations

import re
from collections.abc import Mapping

from components.behavior_example_gen.clean.account import Counts
from components.behavior_example_gen.clean.clean import is_fault
from components.behavior_example_gen.clean.time_check import check_times
from components.behavior_example_gen.config.ingest_config import (
    SPLITS,
    IngestConfig,
    Table,
    section,
)
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read.block import UNMATCHED, table_of
from components.behavior_example_gen.read.files import name_keys, nearest
from components.behavior_example_gen.sources.columns import names_of
from models.feature_config import VectorFeature

_NO_NUMBER = ("not a number", "not an integer", "neither ")
_COMMAS = re.compile(r"[+-]?[\d.\u00a0 ']*\d,\d[\d,.]*")
_SAME_AS_TEXT = {"integers", "text"}

_TRUTH = {"true", "false"}
_A = {"item": "an item", "user": "a user"}


def bad_rows(counts: Counts) -> int:
    """Returns how many rows were dropped for a fault of theirs; filters and duplicates are none."""
    return sum(count for reason, count in counts.dropped.items() if is_fault(reason))


def check_kinds(counts: Counts) -> None:
    """Refuses a column that holds values of one kind in a file, and of another in the next.

    Numbers and their text are of one kind: 7 and "7" are read as the same.

    Raises:
      LogError: naming the column and two files.
    """
    for (_, column), kinds in counts.kinds.items():
        if len(kinds) > 1 and not set(kinds) <= _SAME_AS_TEXT:
            (one, first), (other, second) = sorted(kinds.items(), key=lambda item: item[1])[:2]
            raise LogError(
                f"{second}: the column {column!r} holds {other}, but {one} in {first}. Write it "
                f"with one type in all files."
            )


def check_found(counts: Counts, config: IngestConfig) -> None:
    """Refuses a column that no row has, where rows name their own.

    Raises:
      LogError: naming the column, and what there is.
    """
    for (table, column), blocks in counts.found.items():
        if not blocks:
            present = names_of(config, table)
            there = nearest(column, present) if present else "Its rows name other columns."
            raise LogError(
                f"{describe(config, table)}: no row has the column {column!r}. {there} Mend "
                f"{name_keys(section(table))}."
            )


def check_marks(counts: Counts, config: IngestConfig) -> None:
    """Refuses texts whose quotation marks have another meaning than the configured one.

    Raises:
      LogError: naming the file, the first lines, and what to set.
    """
    lost = counts.dropped[UNMATCHED]
    if lost > config.log.max_bad_row_share * counts.rows:
        samples = counts.samples[UNMATCHED]
        origin = counts.origins[samples[0].part]
        lines = ", ".join(f"{s.number:,}" for s in samples[:5] if s.part == samples[0].part)
        key = f"{section(table_of(samples[0].part))}.csv"
        raise LogError(
            f"{origin}: quotation marks do not match in {lost:,} of {counts.rows:,} rows, first in "
            f"the lines {lines}: rows would run together. Set `{key}.escape: '\\'` if marks in "
            f'cells are written as \\", as Spark does; or `{key}.quote: null` if they mean nothing.'
        )
    for key, rows in counts.notes.together.items():
        if rows.number > config.log.max_bad_row_share * counts.rows:
            raise LogError(
                f"{rows.example}: this row and others, {rows.number:,} of {counts.rows:,}, have "
                f"several lines between quotation marks, each of which would be a row by itself. "
                f"If marks mean nothing, and rows ran together, set `{key}.csv.quote: null`; if "
                f"cells are meant to be so, raise `log.max_bad_row_share`."
            )


def check_rows(counts: Counts, config: IngestConfig) -> None:
    """Refuses a log that has no rows, or too many bad ones.

    Raises:
      LogError: with the table of reasons.
    """
    where = describe(config)
    if not counts.rows:
        raise LogError(f"{where}: the log is empty: it has no rows.")
    check_found(counts, config)
    check_kinds(counts)
    _check_decimals(counts, config)
    check_marks(counts, config)
    check_times(counts, config, where)
    _check_commas(counts, config, where)
    bad = bad_rows(counts)
    if bad > config.log.max_bad_row_share * counts.rows:
        raise LogError(
            f"{where}: {bad:,} of {counts.rows:,} rows ({bad / counts.rows:.2%}) are bad, more "
            f"than `log.max_bad_row_share` = {config.log.max_bad_row_share:.2%} allows. Mend the "
            f"log or `log.columns`, or raise `log.max_bad_row_share`.\n{counts.table(config)}"
        )
    if not counts.rows_kept:
        raise LogError(
            f"{where}: no row is left. Mend `log.where` or `log.columns`.\n{counts.table(config)}"
        )
    for name, table in config.log.tables.items():
        if not counts.known[name]:
            column = config.log.mapping.ids()[table.of]
            raise LogError(
                f"{where}: none of its {counts.rows:,} rows has {_A[table.of]} that is in "
                f"`log.tables.{name}` ({table.files}). Mend `log.tables.{name}.key` "
                f"({table.key!r}) or `log.columns.{table.of}` ({column.column!r}, type "
                f"{column.type})."
            )
    if config.scored is None:  # candidates may have no label
        _check_positives(counts, config)


def _check_decimals(counts: Counts, config: IngestConfig) -> None:
    """Refuses text in which an id is 7 at one place, and 7.0 at another."""
    for part in config.log.mapping.ids():
        keys = [f"{section(table)}.columns.{part}" for table in config.tables()]
        pointed = [key for key in keys if counts.notes.decimals[key]]
        if pointed and any(counts.notes.integers[key] for key in keys):
            rows = sum(counts.notes.decimals[key] for key in pointed)
            raise LogError(
                f"{describe(config)}: `{pointed[0]}`: {rows:,} cells are whole numbers with a "
                f"decimal point, such as 7.0, and others are without, such as 7: one id would be "
                f"two. Set `{pointed[0]}.type: int` to read them as one, or write all in one way."
            )


def _check_commas(counts: Counts, config: IngestConfig, where: str) -> None:
    """Names numbers with commas, if they are most of what is no number."""
    for reason, samples in counts.samples.items():
        part, _, fault = reason.partition(": ")
        rows = counts.dropped[reason]
        if not fault.startswith(_NO_NUMBER) or rows <= config.log.max_bad_row_share * counts.rows:
            continue
        cells = [
            (column, cell)
            for sample in samples
            if isinstance(sample.row, dict)
            for column, cell in sample.row.items()
            if _COMMAS.fullmatch(cell.strip()) and column in config.columns_of(part)
        ]
        if 2 * len(cells) > len(samples):
            column, cell = cells[0]
            raise LogError(
                f"{where}: the column {column!r} holds numbers with commas, such as {cell!r}, in "
                f"{rows:,} of {counts.rows:,} rows. Write them with a point before fractions, and "
                f"nothing between thousands."
            )


def _check_positives(counts: Counts, config: IngestConfig) -> None:
    for part, found in counts.notes.values.items():
        # YAML's `true` stands for three spellings: one of them is enough.
        have = {value.lower() if value.lower() in _TRUTH else value for value in +found.rows}
        lost = [v for v in found.rows if v not in have and v.lower() not in have & _TRUTH]
        if lost:
            name = part.removeprefix("label").lstrip()
            key = f"{config.key(name or None)}.positives"
            behavior = config.log.mapping.behavior
            label = config.labels[name] if name else config.label
            column = label.column or (behavior and behavior.column)
            others = sorted({*(+found.rows), *found.others})
            raise LogError(
                f"{describe(config)}: no row has the value {lost[0]!r} of `{key}` in the column "
                f"{column!r}, which has {', '.join(map(repr, others))}. Mend `{key}`."
            )


def check_splits(
    counts: Counts, config: IngestConfig, times: Mapping[str, Mapping[str, object]]
) -> None:
    """Refuses a log whose splits cannot train and judge a model.

    Args:
      counts: of the log.
      config: the configuration.
      times: when the rows of each table were, as `Span.to_dict`: what looks like a fault of the
        split may be one of the times.

    Raises:
      LogError: naming the split, its number of targets, and what to change.
    """
    where = describe(config)
    if counts.users < 2:
        raise LogError(
            f"{where}: the log has rows of one user only; a model is judged by how it ranks for "
            f"several. Check `log.columns.user` ({config.log.mapping.user.column!r}).\n"
            f"{counts.table(config)}"
        )
    asked = sum(counts.splits[name]["targets"] for name in SPLITS)
    asked += sum(n for reason, n in counts.dropped.items() if reason.startswith("target: "))
    if not asked and config.label.column is not None:
        raise LogError(
            f"{where}: no row that is kept has a label: the column {config.label.column!r} of "
            f"`{config.key()}.column` is empty, or holds texts of `missing` only. Mend "
            f"`{config.key()}.column`.\n"
            f"{counts.table(config)}"
        )
    whose = {"log": "Its", "impressions": "Its impressions'"}
    spans = "".join(
        f" {whose[t]} times go from {s['first']} to {s['last']}." for t, s in times.items()
    )
    if config.request is not None:
        spans += f" Rows of one request ({config.request.column!r}) see what its first one sees."
    sizes = ", ".join(f"{name} {counts.splits[name]['targets']:,}" for name in SPLITS)
    for name in SPLITS:
        targets, positives = counts.splits[name]["targets"], counts.splits[name]["positives"]
        if not targets:
            raise LogError(
                f"{where}: the {name} split has no targets ({sizes}). Change `split` (by "
                f"{config.split.by!r}, validation {config.split.validation}, eval "
                f"{config.split.eval}), or lower `history.min_length` "
                f"({config.history.min_length}).{spans}\n{counts.table(config)}"
            )
        if name != "validation" and positives in (0, targets):
            without = counts.notes.missing["label"]
            unknown = (
                f" The label of {without:,} rows is an empty cell, which is unknown and no target: "
                f"write 0 if it means that."
                if positives and without
                else ""
            )
            raise LogError(
                f"{where}: all {targets:,} targets of the {name} split have the label "
                f"{int(positives > 0)}; both labels are needed. Change {_label_rule(config)}, or "
                f"`split` ({sizes}).{unknown}"
            )
    for name, (known, positives) in counts.weighted.items():
        if not known or (name != "validation" and positives in (0, known)):
            key = f"{section(config.tables()[-1])}.columns.weight"
            raise LogError(
                f"{where}: of the {counts.splits[name]['targets']:,} targets of the {name} split, "
                f"{known:,} have a weight above 0, and {positives:,} of them the label 1; both "
                f"labels are needed. Mend `{key}` ({config.weight!r}), or remove it."
            )
    for name in config.labels:
        key = config.key(name)
        known, positives = counts.labels["train"][name]
        if positives in (0, known):
            targets = counts.splits["train"]["targets"]
            raise LogError(
                f"{where}: of the {targets:,} targets of the train split, `{key}` is known of "
                f"{known:,} and 1 for {positives:,} of them; both labels are needed. Mend `{key}`, "
                f"or `split`."
            )


def check_told(name: str, told: tuple[int, int], config: IngestConfig) -> None:
    """Refuses vectors that no item of the training rows has.

    Args:
      name: of the feature.
      told: training rows whose item has a value, and all of them.
      config: the configuration.

    Raises:
      LogError: naming the file and the keys that say how items are found in it.
    """
    feature, (known, rows) = config.features[name], told
    if isinstance(feature, VectorFeature) and rows and not known:
        item = config.log.mapping.item
        raise LogError(
            f"{feature.file}: none of the {rows:,} training rows has an item with a vector in it. "
            f"Mend `features.{name}.key` ({feature.key!r}) or `log.columns.item` "
            f"({item.column!r}, type {item.type})."
        )


def describe(config: IngestConfig, table: Table = "log") -> str:
    """Returns what a table is, for messages."""
    if table == "log" and config.log.simulator is not None:
        return "the simulated log"
    where = config.table(table)
    if where.source is not None:
        return where.source
    return f"{where.files} in {where.folder or config.log.folder!r}"


def _label_rule(config: IngestConfig) -> str:
    key = config.key()
    if config.label.column is None:
        return f"`{key}.negatives`"
    if config.label.at_least is None and config.label.positives is None:
        return f"`{key}.column` ({config.label.column!r})"
    if config.label.at_least is None:
        return f"`{key}.positives` ({config.label.positives}) of the column {config.label.column!r}"
    return f"`{key}.at_least` ({config.label.at_least}) of the column {config.label.column!r}"
