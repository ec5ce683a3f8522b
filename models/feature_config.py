"""What a user configures of features: whose each is, what it is, and the rows that embed it."""

from __future__ import annotations

import itertools
import re
import zoneinfo
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Union

import pydantic
from pydantic import Field

from models import features as names
from models.characters import Character
from models.section import Number, Section

# What code needs to know has a column of its own (`log.columns`); its features have these names.
ROLES = frozenset({"user", "item", "category", "behavior", "time", "request"})
_RESERVED = ROLES | {
    *("id", "count", "length", "valid", "hist_end", "local_begin", "match", "oracle", "label"),
    *("weight", "history_length", "user_activity", "place", "fresh"),
}
ROLE_TABLES = ("item", "category", "behavior")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def _is_name(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise ValueError(
            "a name is of small letters, digits and _, and begins with a letter; the column itself "
            "may be called as it is"
        )
    return name


Name = Annotated[str, Field(max_length=64), pydantic.AfterValidator(_is_name)]
Owner = Literal["item", "user", "context", "event"]


class TableConfig(Section):
    """The rows that embed the values of one or more features.

    Row 0 is padding; known values follow by falling frequency, then unknown, then missing.
    """

    dim: Annotated[int, Field(ge=1, le=16_384)] | Literal["auto"] | None = Field(
        None,
        description="Width of a row; null: the model's, `item_dim` of an item's feature, else "
        "`cross_dim`; auto: 8 + rows^0.25, up to a multiple of 4, but no wider than the model's.",
    )
    rows: Literal["vocabulary", "hash"] = Field(
        "vocabulary",
        description="vocabulary: a row for each value of the training split; hash: `buckets` rows, "
        "of which every value has two, chosen by two hashes that never change.",
    )
    buckets: Annotated[int, Field(ge=2, le=2**31 - 3)] | None = Field(
        None, description="Rows of a table with `rows: hash`."
    )
    min_count: int | None = Field(
        None,
        ge=1,
        le=10**12,
        description="Training rows that a value needs for a row of its own; null: 1. Others are "
        "unknown.",
    )
    max_size: Annotated[int, Field(ge=1, le=2**31 - 3)] | None = Field(
        None, description="Most values with a row of their own, the most frequent; null: all."
    )

    @pydantic.model_validator(mode="after")
    def _one_kind(self) -> TableConfig:
        if (self.rows == "hash") != (self.buckets is not None):
            raise ValueError(
                f"`buckets` are the rows of a table with `rows: hash`, and only of such a one. "
                f"Received: rows {self.rows!r} and buckets {self.buckets!r}."
            )
        counted = [key for key in ("min_count", "max_size") if getattr(self, key) is not None]
        if self.rows == "hash" and counted:
            raise ValueError(
                f"a table with `rows: hash` knows no value, so it excludes {', '.join(counted)}. "
                f"Remove it, or set `rows: vocabulary`."
            )
        return self


class _Feature(Section):
    of: Owner


class _ColumnFeature(_Feature):
    column: str = Field(
        description="Column of the log, or of a table that is joined (`log.tables`)."
    )


class IdFeature(_ColumnFeature):
    """A discrete value, such as an author or a device; read as text, an empty cell is missing."""

    of: Owner = Field(
        description="Whose it is. item: the same in every row. user: likewise. context: known when "
        "the item is shown, of history and targets. event: known afterwards, of the history alone."
    )
    type: Literal["id"] = Field("id", description="One value.")
    after: str | None = Field(
        None,
        min_length=1,
        description="Keep only the text behind the last occurrence of this, such as '(' for the "
        "year at the end of a title; then see `before`.",
    )
    before: str | None = Field(
        None,
        min_length=1,
        description="Keep only the text before the first occurrence of this, without spaces "
        "around it.",
    )
    table: Name | None = Field(
        None, description="Table that embeds it (`tables`), to share one; null: one of its own."
    )
    min_count: int | None = Field(
        None, ge=1, le=10**12, description="As `tables.NAME.min_count` of a table of its own."
    )


class IdsFeature(_ColumnFeature):
    """Several values in one cell, such as tags."""

    of: Literal["item", "user"] = Field(description="Whose they are.")
    type: Literal["ids"] = Field(description="Several values.")
    separator: Character = Field(
        ",", min_length=1, description="Text between two values, such as '|', tab or \\x01."
    )
    max_values: int = Field(
        16, ge=1, le=10_000, description="Values that are read; further ones are left out."
    )
    pooling: Literal["mean", "sum"] = Field("mean", description="What becomes of their rows.")
    table: Name | None = Field(
        None, description="Table that embeds them (`tables`), to share one; null: one of their own."
    )
    min_count: int | None = Field(
        None, ge=1, le=10**12, description="As `tables.NAME.min_count` of a table of their own."
    )


class NumberFeature(_ColumnFeature):
    """A number, embedded by the bucket that it falls into; an empty cell is missing."""

    of: Owner = Field(description="Whose it is, see a feature of type id.")
    type: Literal["number"] = Field(description="A number.")
    boundaries: list[Number] | None = Field(
        None, min_length=1, description="Rising boundaries of the buckets."
    )
    buckets: int | None = Field(
        None,
        ge=2,
        le=1024,
        description="Instead of boundaries: so many buckets, between quantiles of the training "
        "split.",
    )

    @pydantic.model_validator(mode="after")
    def _one_rule(self) -> NumberFeature:
        if (self.boundaries is None) == (self.buckets is None):
            raise ValueError(
                f"a number needs exactly one of `boundaries` and `buckets`. Received: boundaries "
                f"{self.boundaries} and buckets {self.buckets}."
            )
        if self.boundaries and any(a >= b for a, b in itertools.pairwise(self.boundaries)):
            raise ValueError(f"`boundaries` must rise strictly. Received: {self.boundaries}")
        return self


class VectorFeature(_Feature):
    """A vector of an item that was made elsewhere, such as an image's; frozen and projected."""

    of: Literal["item"] = Field(description="Whose it is.")
    type: Literal["vector"] = Field(description="A vector.")
    file: str = Field(description="Parquet file in `log.folder`, with a row for each item.")
    key: str = Field(description="Its column that holds the item's id.")
    column: str = Field("vector", description="Its column that holds lists of numbers.")
    dim: int = Field(ge=1, le=16_384, description="Length of each list.")


class TimeFeature(_Feature):
    """What a clock on the user's wall showed, taken from the time of each row."""

    of: Literal["context"] = Field("context", description="Known when the item is shown.")
    type: Literal["time"] = Field("time", description="Set by `from: time`.")
    from_: Literal["time"] = Field(alias="from", description="Where it comes from.")
    as_: Literal["hour_of_day", "day_of_week"] = Field(
        alias="as", description="hour_of_day: 0 to 23; day_of_week: Monday is 0."
    )
    timezone: str = Field("UTC", description="Zone of the clock, such as Asia/Shanghai.")

    @pydantic.field_validator("timezone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        try:
            zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(
                f"no such time zone. Received: {name[:80]!r}; write a name of the IANA data base, "
                f"such as Europe/Berlin."
            ) from None
        return name


def _typed(value: Any) -> Any:
    """Fills in the type that a feature has without saying so."""
    if isinstance(value, dict) and "type" not in value:
        return {"type": "time" if {"from", "as"} & set(value) else "id", **value}
    return value


Feature = Annotated[
    Union[IdFeature, IdsFeature, NumberFeature, VectorFeature, TimeFeature],  # noqa: UP007
    Field(discriminator="type"),
    pydantic.BeforeValidator(_typed),
]
Features = dict[Name, Feature]
Tables = dict[Name, TableConfig]


def check(features: Mapping[str, Feature], tables: Mapping[str, TableConfig]) -> None:
    """Refuses features and tables that do not fit each other.

    Raises:
      ValueError: naming the key, the value received and the way out.
    """
    if taken := sorted(_RESERVED & set(features)):
        raise ValueError(
            f"`features` must not have names that are taken. Received: {', '.join(taken)}; choose "
            f"others."
        )
    of_items = of("item", features)
    for name, feature in of_items.items():
        if isinstance(feature, IdsFeature) and names.length_of(name) in of_items:
            raise ValueError(
                f"`features` must not be called as the numbers of {name!r}'s values are. Received: "
                f"{names.length_of(name)!r}; choose another name."
            )
    used = tables_of(features)
    if unused := sorted(set(tables) - set(used) - set(ROLE_TABLES)):
        raise ValueError(
            f"`tables` {unused} embed no feature. Received: tables of "
            f"{sorted({*used, *ROLE_TABLES})}; mend the name, or remove the table."
        )
    for table in sorted(set(used) & set(ROLE_TABLES)):
        raise ValueError(
            f"`features.{used[table][0]}.table` must not be the table of `log.columns.{table}`. "
            f"Received: {table!r}; choose another name."
        )
    for table, sharing in used.items():
        owners = {features[name].of for name in sharing}
        if "item" in owners and owners & {"context", "event"}:
            raise ValueError(
                f"`features` of items and of behaviours cannot share a table: one is as wide as an "
                f"item, the other as `model.cross_dim`. Received: {', '.join(sharing)} with the "
                f"table {table!r}; give them tables of their own."
            )
    for table in sorted(set(tables) & set(ROLE_TABLES)):
        if tables[table].dim is not None or tables[table].rows == "hash":
            raise ValueError(
                f"`tables.{table}` takes `min_count` and `max_size` alone. Received: dim "
                f"{tables[table].dim} and rows {tables[table].rows}; its width is "
                f"`model.{'cross_dim' if table == 'behavior' else table + '_dim'}`."
            )
    for name in features:
        if again(name) in features and hashed(name, features, tables):
            raise ValueError(
                f"`features` must not be called as the second hash of {name!r} is. Received: "
                f"{again(name)!r}; choose another name."
            )
    for name, feature in features.items():
        if not isinstance(feature, IdFeature | IdsFeature) or feature.min_count is None:
            continue
        counted, own = feature.min_count, tables.get(name, TableConfig())
        if feature.table is not None:
            raise ValueError(
                f"`features.{name}.min_count` is of a table of its own. Received: {counted}; set "
                f"`tables.{feature.table}.min_count` instead."
            )
        if own.rows == "hash":
            raise ValueError(
                f"`features.{name}.min_count` counts values, but `tables.{name}` has `rows: hash` "
                f"and knows none. Received: {counted}; remove one of them."
            )
        if own.min_count is not None:
            raise ValueError(
                f"`features.{name}.min_count` and `tables.{name}.min_count` are one setting. "
                f"Received: {counted} and {own.min_count}; remove one of them."
            )


def tables_of(features: Mapping[str, Feature]) -> dict[str, list[str]]:
    """Returns the names of the features of ids by the table that embeds them."""
    found: dict[str, list[str]] = {}
    for name, feature in features.items():
        if isinstance(feature, IdFeature | IdsFeature):
            found.setdefault(feature.table or name, []).append(name)
    return found


def hashed(name: str, features: Mapping[str, Feature], tables: Mapping[str, TableConfig]) -> bool:
    """Returns whether a feature's values are hashed into rows."""
    return any(
        table in tables and tables[table].rows == "hash"
        for table, sharing in tables_of(features).items()
        if name in sharing
    )


def embedded(features: Mapping[str, Feature], tables: Tables) -> dict[str, Feature]:
    """Returns the features as models embed them: one that is hashed, a second time by `again`."""
    found: dict[str, Feature] = {}
    for name, feature in features.items():
        found[name] = feature
        if isinstance(feature, IdFeature | IdsFeature) and hashed(name, features, tables):
            found[again(name)] = feature.model_copy(update={"table": feature.table or name})
    return found


def again(name: str) -> str:
    """Returns what a hashed feature, or a column of it, is called by the second of its hashes."""
    return f"{name}_2"


def columns(name: str, feature: Feature) -> tuple[str, ...]:
    """Returns the features of raw examples that hold a configured one."""
    return {
        "item": (names.item_feature(name),),
        "user": (names.user_feature(name),),
        "context": (names.history_feature(name), names.target_feature(name)),
        "event": (names.history_feature(name),),
    }[feature.of]


def table_of(name: str, features: Mapping[str, Feature], tables: Tables) -> TableConfig:
    """Returns the table called `name`, with the `min_count` of the feature that owns it."""
    table = tables.get(name, TableConfig())
    counted = getattr(features.get(name), "min_count", None)
    return table if counted is None else table.model_copy(update={"min_count": counted})


def of(owner: Owner | Iterable[Owner], features: Mapping[str, Feature]) -> dict[str, Feature]:
    """Returns the features of one owner, or of some, in their order."""
    owners = {owner} if isinstance(owner, str) else set(owner)
    return {name: feature for name, feature in features.items() if feature.of in owners}
