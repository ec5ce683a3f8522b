"""Which table holds each column of a log: its own files, or a table that is joined."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from components.behavior_example_gen.cells.where import RowFilter
from components.behavior_example_gen.config.ingest_config import IngestConfig, Table, section
from components.behavior_example_gen.config.log_config import JoinedConfig, TableConfig
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read.file import column_names, names_its_columns
from components.behavior_example_gen.read.files import check_columns, find_files, nearest
from components.behavior_example_gen.sources.tfds import TfdsSource
from components.secrets import resolve
from components.simulator.simulator import simulate

Names = dict[Table, list[str] | None]  # None: known once the source is read


@dataclasses.dataclass(frozen=True)
class Columns:
    """Where the used columns of a log are.

    Attributes:
      read: by table of events, those that its source has.
      joined: by joined table, those that it has.
    """

    read: dict[Table, list[str]]
    joined: dict[str, list[str]]

    @property
    def elsewhere(self) -> frozenset[str]:
        """The columns that are in a joined table."""
        return frozenset(column for columns in self.joined.values() for column in columns)


@dataclasses.dataclass(frozen=True)
class _Use:
    """A use of a column that a joined table may hold: by which key, of what, in which tables.

    Of a feature, tables of others are not asked where one of its own has the column: users and
    items may both have a name. What rows need is joined by its name, which must be one table's.
    """

    key: str
    column: str
    of: str | None
    tables: tuple[Table, ...]
    is_feature: bool = False


def find_columns(config: IngestConfig) -> Columns:
    """Looks each used column up in the heads of the tables that may hold it.

    Raises:
      LogError: naming a column that no table has, or two have; or a table that is of no use.
    """
    used = {table: config.used_columns(table) for table in config.tables()}
    read_alone = (
        len(used) == 1 and config.log.simulator is None
    )  # so the reader finds what it lacks
    if not config.log.tables and (read_alone or not config.column_features()):
        return Columns(used, {})
    names: Names = {table: names_of(config, table) for table in used}
    tables = {name: _names_of_joined(config, name) for name in config.log.tables}
    joined: dict[str, list[str]] = {name: [] for name in tables}
    for use in _uses(config):
        holder = _holder(config, use, names, tables)
        if holder is not None and use.column not in joined[holder]:
            joined[holder].append(use.column)
    for name, columns in joined.items():
        if not columns:
            raise LogError(
                f"`log.tables.{name}` ({config.log.tables[name].files}) has no column that is "
                f"used. {nearest('', tables[name])} Name one in `features`, or remove the table."
            )
    elsewhere = Columns({}, joined).elsewhere
    return Columns({t: _own(config, t, names[t], elsewhere) for t in used}, joined)


def _own(
    config: IngestConfig, table: Table, names: Sequence[str] | None, elsewhere: frozenset[str]
) -> list[str]:
    """The columns that are read from a table: of features, it may lack those that another has."""
    needed = config.needed_columns(table)
    return [
        column
        for column in config.used_columns(table)
        if column not in elsewhere and (column in needed or names is None or column in names)
    ]


def _uses(config: IngestConfig) -> Iterator[_Use]:
    for table in config.tables():
        key = "log" if table == "log" else "log.impressions"
        if (category := config.mapping(table).category) is not None:
            yield _Use(f"{key}.columns.category", category.column, "item", (table,))
        for text in config.table(table).where:
            yield _Use(f"{key}.where", RowFilter.parse(text).column, None, (table,))
    for name, feature in config.column_features().items():
        tables = ("log",) if feature.of == "event" else tuple(config.tables())
        yield _Use(f"features.{name}", feature.column, feature.of, tables, is_feature=True)


def _holder(
    config: IngestConfig, use: _Use, names: Names, tables: Mapping[str, Sequence[str]]
) -> str | None:
    """The joined table that holds a column, None if the log does."""
    has = [n for n in tables if use.column in tables[n] and use.column != config.log.tables[n].key]
    own = [name for name in has if config.log.tables[name].of == use.of]
    if use.is_feature and own:
        has = own
    known = [names[table] for table in use.tables]
    in_log = any(found is not None and use.column in found for found in known)
    if in_log and use.of in ("context", "event"):
        return None
    holders = [f"`log.tables.{name}`" for name in has] + (["the log itself"] if in_log else [])
    if len(holders) > 1:
        raise LogError(
            f"`{use.key}`: the column {use.column!r} is in {' and in '.join(holders)}. Say in "
            f"`log.tables.{has[0]}.columns` which columns that table is for, or rename one."
        )
    if not has:
        if not in_log and all(found is not None for found in known):
            present = sorted({n for found in [*known, *tables.values()] for n in found or ()})
            where = " or ".join(["the log", *(f"`log.tables.{name}`" for name in tables)])
            raise LogError(
                f"`{use.key}`: there is no column {use.column!r} in {where}. "
                f"{nearest(use.column, present)} Mend the name."
            )
        return None
    owner = config.log.tables[has[0]].of
    if use.of is not None and use.of != owner:
        raise LogError(
            f"`{use.key}` is of {use.of}, but the column {use.column!r} is in {holders[0]}, a "
            f"table of {owner}s, each with one value. Set `of: {owner}`, or name a column of the "
            f"log."
        )
    return has[0]


def names_of(config: IngestConfig, table: Table) -> list[str] | None:
    """Returns the names of a table's columns; None if they are known once its source is read."""
    where = config.table(table)
    if where.source is not None:
        kind, _, spec = where.source.partition(":")
        if kind != "tfds":
            return None
        options = resolve(where.options, f"{section(table)}.options")
        return TfdsSource(spec, options, [], "", section(table)).names
    if table == "log" and config.log.simulator is not None:
        return simulate(config.log.simulator, range(0)).column_names
    required, used = config.required_columns(table), config.used_columns(table)
    return _names_of_files(config.log.folder_of(where), where, required, used, section(table))


def _names_of_joined(config: IngestConfig, name: str) -> list[str]:
    table = config.log.tables[name]
    used = [table.key, *(use.column for use in _uses(config)), *(table.columns or ())]
    names = _names_of_files(config.log.folder_of(table), table, [table.key], used, section(name))
    if table.columns is None:
        return names
    way_out = f"Mend `{section(name)}.columns`."
    check_columns(str(table.files), table.columns, names, section(name), way_out)
    return [table.key, *table.columns]


def _names_of_files(
    folder: str,
    table: TableConfig | JoinedConfig,
    required: Sequence[str],
    used: Sequence[str],
    key: str,
) -> list[str]:
    """Names of the columns of some files: of the first one, where all have the same.

    Where rows name their own columns, the heads of further files are read until all used ones
    are found. A file that holds nothing names none.

    Raises:
      LogError: as `column_names`, or if all files hold nothing.
    """
    assert table.files is not None, "there is no other source"
    names: dict[str, None] = {}
    for file in find_files(folder, table.files, f"{key}.files"):
        names |= dict.fromkeys(column_names(file.path, table.format, table.csv, required, key))
        alike = names and not names_its_columns(file.path, table.format)
        if alike or names.keys() >= set(used):
            break
    if not names:
        raise LogError(f"{table.files} in {folder!r}: all files are empty. Write them again.")
    return list(names)
