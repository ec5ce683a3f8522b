"""What a user is warned of, though the log can be used."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping

from components.behavior_example_gen.cells import spellings
from components.behavior_example_gen.cells.features import WEIGHTS
from components.behavior_example_gen.cells.unseen import named
from components.behavior_example_gen.clean.account import Counts
from components.behavior_example_gen.clean.notes import iso
from components.behavior_example_gen.config.ingest_config import IngestConfig, section
from components.behavior_example_gen.config.log_config import JoinedConfig
from components.behavior_example_gen.row import DUPLICATE
from models.feature_config import IdsFeature

_DIFFERING = 0.05  # share of the items beyond which a feature is hardly one of items
_ALONE = 0.9  # share of the items beyond which a feature is their id again
_KNOWN = 0.9  # share of the training rows of which a file of vectors should know the item
_LEAST_ITEMS = 20  # of which that can be said
_CONTRADICTING = 0.01  # share of the targets
_EQUAL = 0.01  # share of the rows
_LATE = 0.05  # share of the rows with a label
_BUSY = 0.05  # share of the rows beyond which a user is hardly one
_BUSIER = 10  # times the rows of the average user, likewise
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
        if not _is_id(key):
            if counts.notes.integers[key]:
                found.append(
                    f"`{key}`: {rows:,} cells are whole numbers with a decimal point, such as 7.0, "
                    f"which is another value than 7, which others have. Write all in one way."
                )
            continue
        found.append(
            f"`{key}`: {rows:,} cells are whole numbers with a decimal point, such as 7.0, which "
            f"is another id than 7. Set `{key}.type: int` to read them as one."
        )
    for key, rows in counts.notes.rounded.items():
        found.append(
            f"`{key}`: {rows:,} cells are numbers as a spreadsheet rounds them, such as 1.23E+18: "
            f"several may have become one. Export them as text."
        )
    for key in counts.notes.beside:
        if counts.notes.within[key]:
            found.append(
                f"`{key}`: some cells have accents beside their letters (Unicode's NFD), others "
                f"within them (NFC): what looks like one id is two. Write all in NFC."
            )
    for key, cells in counts.notes.unseen.items():
        found.append(
            f"`{key}`: {cells.number:,} cells hold a character that does not show as what it is, "
            f"such as {named(cells.example)}: one id may be written as two, or two as one. Write "
            f"all of them in one way."
        )
    for key, numbers in _by_part(counts.notes.ways).items():
        if ways := spellings.several(numbers):
            read = (
                f"Set `{key}.type: int` to read them as one, or write" if _is_id(key) else "Write"
            )
            found.append(
                f"`{key}`: {' and '.join(map(repr, ways[0]))} are one number, but different ids; "
                f"so it is of {len(ways):,} numbers or more. {read} all in one way."
            )
    for key, texts in _by_part(counts.notes.capitals).items():
        if ways := spellings.several(texts):
            found.append(
                f"`{key}`: {' and '.join(map(repr, ways[0]))} differ by capitals or by the width "
                f"of letters alone, and are different ids; so it is of {len(ways):,} or more. If "
                f"they mean one, write all in one way."
            )
    for key, files in counts.notes.empty.items():
        found.append(
            f"`{key}.files`: {files.example} is empty, and read as a file without rows (so many: "
            f"{files.number:,}). If it should have some, write it again."
        )
    for key, files in counts.notes.together.items():
        found.append(
            f"`{key}.csv`: {files.number:,} rows have several lines between quotation marks, each "
            f"of which would be a row by itself, as at {files.example}. If marks mean nothing, and "
            f"rows ran together, set `{key}.csv.quote: null`."
        )
    for key, rows in counts.notes.marked.items():
        found.append(
            f"`{key}`: {rows:,} cells have quotation marks around them, which are part of the id, "
            f"in requests, too. If they are not meant, write cells without marks and spaces before "
            f"them; of a text, `log.csv.quote` says which mark quotes."
        )
    for key, rows in counts.notes.escaped.items():
        if config.log.csv.escape is None:
            found.append(
                f'`{key}`: {rows:,} cells hold a quotation mark behind a backslash, \\", and the '
                f"backslash is part of the id. If a program escaped the mark, set "
                f"`log.csv.escape: '\\'`."
            )
    if counts.notes.zoned and (naive := min(counts.notes.naive, default="")):
        found.append(
            f"`{naive}`: some times have an offset, such as Z or +02:00, and others have none and "
            f"are read as UTC. If those are of another zone, write their offsets."
        )
    for key, rows in counts.notes.broken.items():
        found.append(
            f"`{key}`: {rows:,} cells hold a line end. A vocabulary has an id a line, so that the "
            f"model takes all of these for unknown ones. Write them in one line."
        )
    for part, values in counts.notes.values.items():
        if values.near:
            key = config.key(part.removeprefix("label").lstrip() or None)
            found.append(
                f"`{key}.positives`: rows of {', '.join(map(repr, values.near))} count as 0, "
                f"though it differs from a value that counts as 1 by capitals or .0 only. If it "
                f"means the same, list it, too."
            )
    equal = counts.dropped[DUPLICATE]
    if equal > _EQUAL * counts.rows and any(span.hourly for span in counts.spans.values()):
        found.append(
            f"`log.duplicates`: {equal:,} of {counts.rows:,} rows are dropped, as another one is "
            f"equal in every used column. Where times are whole hours or days, as here, they may "
            f"be events of their own: if so, set `log.duplicates: keep`."
        )
    for key, (rows, total) in counts.notes.late.items():
        if rows > _LATE * total:
            found.append(
                f"`{key}`: {rows:,} of {total:,} rows with a label come more than an hour after "
                f"the first row of their request, and see the history as of that one. If its "
                f"values are no requests, but sessions, or one that stands for none, name another "
                f"column, or none, or list that value in `log.missing`."
            )
    for key, rows in counts.notes.noughts.items():
        if rows and (missing := counts.notes.missing["category"]):
            found.append(
                f"`{key}`: {missing:,} rows without a category are read as of the category 0, "
                f"which {rows:,} others have. Set `{key}.type: string` to tell them apart."
            )
    found += _of_busiest(counts, config)
    for name, joined in config.log.tables.items():
        found += _of_table(name, joined, counts)
    for name in config.vectors:
        if repeated := counts.notes.repeated[name]:
            found.append(f"`features.{name}`: {repeated:,} rows {_AGAIN}")
    for name, (known, rows) in counts.notes.told.items():
        if known < (_KNOWN * rows if name in config.vectors else min(rows, 1)):
            found.append(
                f"`features.{name}`: {known:,} of {rows:,} training rows have an item with a "
                f"value. If more should have one, mend its file, key or column."
            )
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
    for name, (alone, items) in counts.notes.alone.items():
        differing = counts.notes.differing[name] > _DIFFERING * counts.notes.valued[name]
        if items >= _LEAST_ITEMS and alone > _ALONE * items and not differing:
            found.append(
                f"`features.{name}`: {alone:,} of {items:,} items have a value that no other item "
                f"has, so it tells which item it is, as `log.columns.item` does. Remove it, or "
                f"name a column whose values items share."
            )
    for name, (rows, looked_at) in counts.notes.copies.items():
        if name not in counts.notes.alone and rows > _ALONE * looked_at:
            found.append(
                f"`features.{name}`: its column {config.column_features()[name].column!r} holds "
                f"the ids of `log.columns.item`, which the model has. Remove it, or name another."
            )
    validated = counts.splits["validation"]
    if validated["targets"] and validated["positives"] in (0, validated["targets"]):
        found.append(
            f"All {validated['targets']:,} targets of the validation split have the label "
            f"{int(validated['positives'] > 0)}: no epoch of training can be chosen by AUC, or by "
            f"how lists are ranked, and the loss chooses. Change `split` for both labels."
        )
    targets = sum(split["targets"] for split in counts.splits.values())
    if counts.notes.contradicting > _CONTRADICTING * targets:
        found.append(
            f"`{config.key()}`: {counts.notes.contradicting:,} of {targets:,} targets are 0 where "
            f"another row of the same user, item and time is 1. If a row that shows and one that "
            f"clicks are of one event, make one of them, or leave one kind out by `log.where`."
        )
    found += _of_separators(counts, config)
    for name, (rows, total) in counts.notes.unreadable.items():
        found.append(
            f"`features.{name}`: {rows:,} of {total:,} cells of "
            f"{config.column_features()[name].column!r} are no numbers, and missing. Mend them, or "
            f"list them in `log.missing`."
        )
    for name, targets in counts.notes.young.items():
        total = sum(split["targets"] for split in counts.splits.values())
        found.append(
            f"`{config.key(name)}` is not known of {targets:,} of {total:,} targets: their time of "
            f"{config.labels[name].within} had not ended when the log or their split did."
        )
    for table, span in counts.spans.items():
        column, key = config.mapping(table).time, f"{section(table)}.columns.time"
        made_up = config.log.simulator is not None or column.format is not None
        way_out = f"If they are no times, set `{key}.unit: order`."
        if 2 * span.unusual < span.rows:
            way_out = f"If they stand for none, leave them out by `{section(table)}.where`."
        if span.unusual and not made_up:
            found.append(
                f"`{key}`: {span.unusual:,} of {span.rows:,} times, which go from "
                f"{iso(span.first)} to {iso(span.last)}, are not between 1990 and now. {way_out}"
            )
    return found


def _by_part(ways: Mapping[str, spellings.Spellings]) -> dict[str, spellings.Spellings]:
    """Joins what both tables of events write of a user, or of an item; under the key of one."""
    keys: dict[str, str] = {}
    found: dict[str, spellings.Spellings] = {}
    for key, numbers in sorted(ways.items()):
        first = keys.setdefault(key.rpartition(".")[2] if _is_id(key) else key, key)
        found[first] = spellings.joined(found.get(first, {}), numbers)
    return found


def _is_id(key: str) -> bool:
    """Whether the key is of a column of the log, which has a `type`, and not of a feature."""
    return not key.startswith("features.")


def _of_busiest(counts: Counts, config: IngestConfig) -> Iterator[str]:
    rows, user = counts.notes.busiest
    share = rows / max(counts.rows_kept, 1)
    if share > max(_BUSY, _BUSIER / max(counts.users, 1)):
        column = config.log.mapping.user
        value = user if column.type == "int" else json.dumps(user, ensure_ascii=False)
        condition = f"{column.column} != {value}"
        yield (
            f"`log.columns.user`: {user!r} has {rows:,} of {counts.rows_kept:,} rows ({share:.1%}) "
            f"of {counts.users:,} users. If it stands for many, or for nobody, leave it out: "
            f"`log.where: [{condition!r}]`."
        )


def _of_separators(counts: Counts, config: IngestConfig) -> Iterator[str]:
    for name, marks in counts.notes.separators.items():
        feature, cells = config.features[name], marks[""]
        assert isinstance(feature, IdsFeature), "only these have a separator"
        told = ("", "[", WEIGHTS, feature.separator)
        others = {mark: n for mark, n in marks.items() if mark not in told}
        other = max(others, key=others.__getitem__, default="")
        if marks["["] * 2 > cells:
            yield (
                f"`features.{name}`: {marks['['] / cells:.0%} of the cells of {feature.column!r} "
                f"are lists as programs print them, such as ['a', 'b']: brackets and marks are "
                f"parts of its values. Write a{feature.separator}b, or lists in Parquet."
            )
        elif marks[WEIGHTS] * 2 > cells:
            yield (
                f"`features.{name}`: {marks[WEIGHTS] / cells:.0%} of the cells of "
                f"{feature.column!r} hold weights, such as {WEIGHTS}, which are not read but parts "
                f"of its values: 12:0.7 and 12:0.8 are two. Write the ids alone."
            )
        elif other and not marks[feature.separator] and others[other] * 2 > cells:
            yield (
                f"`features.{name}`: no cell of {feature.column!r} holds the separator "
                f"{feature.separator!r}, but {others[other] / cells:.0%} hold {other!r}. If values "
                f"lie between those, set `features.{name}.separator: {other!r}`."
            )


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
