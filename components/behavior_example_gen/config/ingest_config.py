"""The configuration of BehaviorExampleGen: the log, its labels, histories and splits."""

from __future__ import annotations

from typing import Literal

import pydantic
from pydantic import Field

from components.behavior_example_gen.cells.columns import IdColumn, ImpressionColumns
from components.behavior_example_gen.cells.features import ColumnFeature
from components.behavior_example_gen.cells.where import RowFilter
from components.behavior_example_gen.config.label_config import LabelConfig, NamedLabel
from components.behavior_example_gen.config.log_config import (
    ImpressionsConfig,
    LogConfig,
    TableConfig,
)
from models import feature_config, features
from models.feature_config import Features, IdFeature, Name, TimeFeature, VectorFeature
from models.section import Section

SPLITS = ("train", "validation", "eval")

Table = Literal["log", "impressions"]


def section(table: str) -> str:
    """Returns the dotted key under which a table is configured, as messages name it.

    Args:
      table: a `Table`, or the name of one in `log.tables`.
    """
    if table == "log":
        return "log"
    return "log.impressions" if table == "impressions" else f"log.tables.{table}"


class HistoryConfig(Section):
    """What a target sees of its user's past."""

    max_length: int = Field(
        1000,
        ge=1,
        le=10_000_000,
        description="Most behaviours that a target sees, the latest; of a user who has more, up to "
        "an eighth fewer.",
    )
    include: Literal["all", "positive"] = Field(
        "all", description="Rows that enter the history: all, or the positive ones."
    )
    ties: Literal["exclude", "order"] = Field(
        "exclude", description="Of equal times: none sees another, or the order of the log counts."
    )
    session_gap: int | None = Field(
        1800,
        ge=1,
        le=10**12,
        description="Seconds without a behaviour that end a session; null: no sessions.",
    )
    min_local: int = Field(
        16,
        ge=1,
        le=10_000_000,
        description="Least behaviours of the local subsequence, where they exist.",
    )
    match: int = Field(
        50,
        ge=1,
        le=1_000_000,
        description="Most behaviours in the target's category that are looked up.",
    )
    min_length: int = Field(
        1,
        ge=0,
        le=10_000_000,
        description="Targets that see fewer behaviours are dropped, and counted.",
    )
    targets_per_example: int = Field(
        64, ge=1, le=1_000_000, description="Most targets of an example of train and validation."
    )

    @pydantic.model_validator(mode="after")
    def _min_fits_max(self) -> HistoryConfig:
        if self.min_length > self.max_length:
            raise ValueError(
                f"`history.min_length` ({self.min_length}) must be at most `history.max_length` "
                f"({self.max_length}): no target could be kept."
            )
        return self


class SplitConfig(Section):
    """Which targets train, which ones stop the training early, and which ones judge the model."""

    by: Literal["time", "user_tail", "user_hash", "column"] = Field(
        "time",
        description="A cut in time, each user's last targets, a part of the users, or a column.",
    )
    validation: float = Field(0.1, gt=0, lt=1, description="Share of the validation split.")
    eval: float = Field(0.1, gt=0, lt=1, description="Share of the eval split.")
    column: str | None = Field(
        None, description="By column: the one that holds train, validation or eval."
    )

    eval_per_user: int | None = Field(
        None,
        ge=1,
        le=10**12,
        description="Most eval rows of a user, drawn by hash; null: all of them.",
    )

    @pydantic.model_validator(mode="after")
    def _shares_and_column(self) -> SplitConfig:
        if self.validation + self.eval >= 1:
            raise ValueError(
                f"`split.validation` + `split.eval` must leave something to train on. Received: "
                f"{self.validation} + {self.eval}"
            )
        if (self.by == "column") != (self.column is not None):
            raise ValueError(
                f"`split.column` belongs to `split.by: column`. Received: by {self.by!r}, column "
                f"{self.column!r}; set both or neither."
            )
        return self


class IngestConfig(Section):
    """All that BehaviorExampleGen needs; travels to its executor as JSON."""

    log: LogConfig = Field(description="The behaviour log.")
    features: Features = Field({}, description="What else the log knows, by name.")
    label: LabelConfig = Field(description="Targets and their label, the primary one.")
    primary: str | None = Field(None, description="Its name, if there are several labels.")
    labels: dict[Name, NamedLabel] = Field({}, description="The other labels, by name.")
    history: HistoryConfig = Field(HistoryConfig(), description="What a target sees.")
    split: SplitConfig = Field(SplitConfig(), description="The three splits.")
    seed: int = Field(
        7, ge=0, lt=2**31, description="Seed of negatives, of user_hash and of the order."
    )
    scored: Literal["labelled", "unlabelled"] | None = Field(
        None,
        description="What is only scored, so that splits may be empty: targets with a label, or "
        "rows without one as well; null: examples train and judge.",
    )
    shard_memory_mib: int = Field(
        256,
        ge=1,
        le=2**24,
        description="MiB that the users of one shard may take while they are cut.",
    )

    @pydantic.model_validator(mode="after")
    def _parts_fit(self) -> IngestConfig:
        time, gap = self.log.mapping.time, self.history.session_gap
        if time.unit == "order" and gap is not None:
            raise ValueError(
                f"`history.session_gap` is in seconds, but `log.columns.time` has only an order. "
                f"Received: {gap}; set `history.session_gap: null`."
            )
        if self.log.impressions is not None:
            if self.label.column is None:
                raise ValueError(
                    f"`log.impressions` needs `{self.key()}.column`, their label: "
                    f"`{self.key()}.negatives` is for logs without impressions."
                )
            if self.history.include != "all":
                raise ValueError(
                    f"`history.include` asks for the rows of one label, but with "
                    f"`log.impressions` the behaviours have none. Received: "
                    f"{self.history.include!r}; set it to all."
                )
        self._check_features()
        self._check_labels()
        behavior, positives = self.log.mapping.behavior, self.label.positives
        if self.label.column is not None:
            return self
        if positives is not None and behavior is None:
            raise ValueError(
                f"`{self.key()}.positives` names behaviours, but `log.columns.behavior` is not "
                f"set. Received: {positives}; set the column, or remove `positives`."
            )
        integers = behavior is not None and behavior.type == "int"
        if positives and integers and not all(isinstance(p, int) for p in positives):
            raise ValueError(
                f"`{self.key()}.positives` must be integers, as `log.columns.behavior` has type "
                f"int. Received: {positives}"
            )
        return self

    def _check_features(self) -> None:
        told = {
            f"{self.key()}.column": self.label.column,
            **{f"{self.key(name)}.column": label.column for name, label in self.labels.items()},
            "split.column": self.split.column,
            "log.columns.oracle": self.oracle,
        }
        items = {self.mapping(table).item.column for table in self.tables()}
        for name, feature in self.features.items():
            if isinstance(feature, TimeFeature) and self.log.mapping.time.unit == "order":
                raise ValueError(
                    f"`features.{name}` is {feature.as_}, but `log.columns.time` has only an "
                    f"order. Received: from time; remove the feature."
                )
            if (
                isinstance(feature, IdFeature)
                and feature.before is None
                and feature.after is None
                and feature.column in items
            ):
                raise ValueError(
                    f"`features.{name}` is the column of `log.columns.item`, whose ids the model "
                    f"has already. Received: {feature.column!r}; remove the feature, or name "
                    f"another column."
                )
            if not isinstance(feature, ColumnFeature) or feature.of == "event":
                continue
            for key in [key for key, column in told.items() if column == feature.column]:
                raise ValueError(
                    f"`features.{name}` is the column of `{key}`, which a model must not know of a "
                    f"target. Received: {feature.column!r}, of {feature.of}; remove the feature, "
                    f"or set `of: event` if it is known afterwards."
                )

    def _check_labels(self) -> None:
        for name, label in self.labels.items():
            key = self.key(name)
            if label.negatives is not None:
                raise ValueError(
                    f"`{key}.negatives` would make other targets, which the primary label does. "
                    f"Received: negatives given; set `{key}.column`."
                )
            if label.within is not None and self.log.mapping.time.unit == "order":
                raise ValueError(
                    f"`{key}.within` is a time, but `log.columns.time` has only an order. "
                    f"Received: {label.within!r}; remove it."
                )
            seen = [name]
            while (parent := self.labels[seen[-1]].given) in self.labels:
                seen.append(parent)
                if seen.count(parent) > 1:
                    raise ValueError(
                        f"`{key}.given` goes round in a circle. Received: {' given '.join(seen)}; "
                        f"one of them must be given nothing."
                    )
            if parent is not None and parent != self.primary:
                raise ValueError(
                    f"`{self.key(seen[-1])}.given` must name another label: "
                    f"{', '.join(n for n in (self.primary, *self.labels) if n and n != seen[-1])}. "
                    f"Received: {parent!r}."
                )

    def key(self, label: str | None = None) -> str:
        """Returns the dotted key of a label, as messages name it; of the primary one without."""
        name = label or self.primary
        return "label" if name is None else f"labels.{name}"

    def tables(self) -> list[Table]:
        """The tables of the log: itself, and the impressions if they are separate."""
        return ["log"] if self.log.impressions is None else ["log", "impressions"]

    @property
    def oracle(self) -> str | None:
        """The column of the true click probability, in the table that holds the targets."""
        return self.mapping(self.tables()[-1]).oracle

    @property
    def weight(self) -> str | None:
        """The column of the targets' weights, in the table that holds them."""
        return self.mapping(self.tables()[-1]).weight

    @property
    def request(self) -> IdColumn | None:
        """The column of requests, in the table that holds the targets."""
        return self.mapping(self.tables()[-1]).request

    @property
    def looks_up_categories(self) -> bool:
        """Whether impressions get the categories that their items have in the log."""
        impressions, ours = self.log.impressions, self.log.mapping.category
        return impressions is not None and ours is not None and impressions.columns.category is None

    def table(self, name: Table) -> TableConfig:
        """Returns the section of a table."""
        return self.log if name == "log" else self._impressions

    def mapping(self, name: Table) -> ImpressionColumns:
        """Returns which column of a table holds what; that of the log is a `ColumnConfig`."""
        return self.log.mapping if name == "log" else self._impressions.columns

    @property
    def _impressions(self) -> ImpressionsConfig:
        assert self.log.impressions is not None, "`tables` names the impressions only if there are"
        return self.log.impressions

    def columns_of(self, part: str) -> set[str]:
        """The columns that a part of a row, as reasons of dropped rows name it, is read from."""
        kind, _, name = part.partition(" ")
        mappings = [self.mapping(table) for table in self.tables()]
        if kind == "time":
            return {mapping.time.column for mapping in mappings}
        if kind == "feature":
            return {self.column_features()[name].column}
        one = {
            "label": (self.labels[name] if name else self.label).column,
            "weight": self.weight,
            "oracle": self.oracle,
            "split": self.split.column,
            "request": self.request and self.request.column,
        }
        if kind in one:
            return {one[kind] or ""}
        return {column.column for m in mappings for id_, column in m.ids().items() if id_ == kind}

    def required_columns(self, table: Table = "log") -> list[str]:
        """Names of the columns of a table of which every row needs a cell."""
        mapping = self.mapping(table)
        return [mapping.user.column, mapping.item.column, mapping.time.column]

    def needed_columns(self, table: Table = "log") -> list[str]:
        """Names of the columns of a table that are used for other than features, each once."""
        mapping = self.mapping(table)
        names = [column.column for column in mapping.ids().values()]
        names.append(mapping.time.column)
        if table == self.tables()[-1]:  # the one that holds the targets
            request = self.request and self.request.column
            own = [x.column for x in self.labels.values() if x.within is None]
            further = request, self.oracle, self.weight, self.label.column, self.split.column, *own
            names += [name for name in further if name]
        if table == "log":
            names += [x.column for x in self.labels.values() if x.within and x.column]
        names += [RowFilter.parse(text).column for text in self.table(table).where]
        return list(dict.fromkeys(names))

    def used_columns(self, table: Table = "log") -> list[str]:
        """Names of all columns of a table that are used, read or joined to it, each once."""
        features = [feature.column for feature in self.column_features(table).values()]
        return list(dict.fromkeys([*self.needed_columns(table), *features]))

    def column_features(self, table: Table = "log") -> dict[str, ColumnFeature]:
        """The features that are a cell of a row of a table, or of one that is joined to it."""
        return {
            name: feature
            for name, feature in self.features.items()
            if isinstance(feature, ColumnFeature) and (table == "log" or feature.of != "event")
        }

    @property
    def vectors(self) -> dict[str, VectorFeature]:
        """The features that are vectors."""
        return {n: f for n, f in self.features.items() if isinstance(f, VectorFeature)}

    @property
    def has_items(self) -> bool:
        """Whether the examples have a split of items, as some features are of items."""
        return bool(feature_config.of("item", self.features))

    @property
    def splits(self) -> list[str]:
        """Names of the splits that are written."""
        return [*SPLITS, *([features.ITEMS] if self.has_items else [])]
