"""The configuration of BehaviorExampleGen: the log, its labels, histories and splits."""

from __future__ import annotations

from typing import Literal

import pydantic
from pydantic import Field

from components.behavior_example_gen.columns import SIMULATED, ColumnConfig, FeatureColumn
from components.behavior_example_gen.filters import RowFilter
from components.simulator.config import SimulatorConfig
from models.config import Section

SPLITS = ("train", "validation", "eval")


class CsvConfig(Section):
    """How a text file is cut into rows and columns."""

    delimiter: str = Field(",", min_length=1, description="Text between two columns.")
    header: list[str] | None = Field(
        None, description="Names of the columns; null: the first row names them."
    )
    encoding: str = Field("utf-8", description="Encoding of the text, such as latin-1.")
    quote: str | None = Field(
        '"', min_length=1, max_length=1, description="Quotation mark; null: none has a meaning."
    )


class ItemsConfig(Section):
    """A table of items whose columns are joined to the rows of the log."""

    files: str | list[str] = Field(description="Name, glob or list of them, as in `log.files`.")
    csv: CsvConfig = Field(CsvConfig(), description="How the text files are read.")
    key: str = Field(description="Column that holds the item's id.")
    columns: list[str] = Field(min_length=1, description="Columns to join.")


class LogConfig(Section):
    """Where the behaviour log is, which column holds what, and which rows count."""

    folder: str = Field(".", description="Folder of the files, relative to the working directory.")
    files: str | list[str] | None = Field(
        None, description="File, glob or folder within `folder`, or a list of them."
    )
    format: Literal["auto", "csv", "parquet"] = Field(
        "auto", description="Format of the files; auto: Parquet by its extension, otherwise text."
    )
    csv: CsvConfig = Field(CsvConfig(), description="How the text files are read.")
    columns: ColumnConfig | None = Field(None, description="Which column holds what.")
    features: dict[str, FeatureColumn] = Field(
        {}, description="Further numeric cross features by name: `history_<name>`."
    )
    items: ItemsConfig | None = Field(None, description="A table to join by item.")
    where: list[str] = Field([], description="Rows to keep: each one COLUMN OPERATOR VALUE.")
    duplicates: Literal["drop", "keep"] = Field(
        "drop",
        description="Rows equal in every used column: keep them where a time is a day.",
    )
    max_bad_rows: float = Field(
        0.01, ge=0, le=1, description="Share of faulty rows above which the run stops."
    )
    shards: int | None = Field(
        None, ge=1, le=4096, description="Groups of users, sorted one at a time; null: by size."
    )
    simulator: SimulatorConfig | None = Field(
        None, description="Simulate the log, instead of reading files."
    )

    @pydantic.field_validator("where")
    @classmethod
    def _where_parses(cls, where: list[str]) -> list[str]:
        for text in where:
            RowFilter.parse(text)
        return where

    @pydantic.model_validator(mode="after")
    def _one_source(self) -> LogConfig:
        if self.simulator is not None:
            given = [key for key in ("files", "columns", "items") if getattr(self, key) is not None]
            if given:
                raise ValueError(
                    f"`log.simulator` replaces the files, so it excludes {given}: remove them, or "
                    f"remove `simulator`."
                )
        elif self.files is None or self.columns is None:
            missing = "files" if self.files is None else "columns"
            raise ValueError(
                f"`log.{missing}` is missing: a log is either `files` with `columns`, or a "
                f"`simulator`."
            )
        taken = {"item", "category", "behavior", "time"} & set(self.features)
        if taken:
            raise ValueError(
                f"`log.features` must not be named {sorted(taken)}: `history_<name>` is taken. "
                f"Choose another name."
            )
        return self

    @property
    def mapping(self) -> ColumnConfig:
        """The columns of the log, be it read or simulated."""
        return self.columns or SIMULATED


class NegativesConfig(Section):
    """How targets that did not happen are drawn."""

    per_positive: int = Field(1, ge=1, le=100, description="Negatives for each positive target.")
    by: Literal["uniform", "popularity"] = Field(
        "uniform", description="Chance of an item: equal, or by its number of rows."
    )


class LabelConfig(Section):
    """Which rows are targets and what their label is: exactly one of `column` and `negatives`."""

    column: str | None = Field(
        None, description="Column of the label; an empty cell is a behaviour but no target."
    )
    at_least: float | None = Field(
        None, description="The label is 1 from this value on; null: the column holds 0 or 1."
    )
    negatives: NegativesConfig | None = Field(
        None, description="Every positive row is a target, and negatives are drawn for it."
    )
    positives: list[int | str] | None = Field(
        None, description="With negatives: behaviours that are positive; null: all of them."
    )

    @pydantic.model_validator(mode="after")
    def _one_rule(self) -> LabelConfig:
        if (self.column is None) == (self.negatives is None):
            raise ValueError(
                f"`label` needs exactly one of `column` (the log has labels) and `negatives` (it "
                f"has only positives). Received: column {self.column!r}, negatives "
                f"{'given' if self.negatives else 'none'}."
            )
        for key, needs in (("at_least", "column"), ("positives", "negatives")):
            if getattr(self, key) is not None and getattr(self, needs) is None:
                raise ValueError(
                    f"`label.{key}` only has a meaning with `label.{needs}`. Received: "
                    f"{getattr(self, key)!r}; remove it, or set `label.{needs}`."
                )
        return self


class HistoryConfig(Section):
    """What a target sees of its user's past."""

    max_length: int = Field(
        1000, ge=1, description="Most behaviours that a target sees; see `pack.window_begin`."
    )
    include: Literal["all", "positive"] = Field(
        "all", description="Rows that enter the history: all, or the positive ones."
    )
    ties: Literal["exclude", "order"] = Field(
        "exclude", description="Of equal times: none sees another, or the order of the log counts."
    )
    session_gap: int | None = Field(
        1800, ge=1, description="Seconds without a behaviour that end a session; null: no sessions."
    )
    min_local: int = Field(
        16, ge=1, description="Least behaviours of the local subsequence, where they exist."
    )
    match: int = Field(
        50, ge=1, description="Most behaviours in the target's category that are looked up."
    )
    min_length: int = Field(
        1, ge=0, description="Targets that see fewer behaviours are dropped, and counted."
    )
    targets_per_example: int = Field(
        64, ge=1, description="Most targets of an example of train and validation."
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
        None, ge=1, description="Most eval rows of a user, drawn by hash; null: all of them."
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
    label: LabelConfig = Field(description="Targets and their labels.")
    history: HistoryConfig = Field(HistoryConfig(), description="What a target sees.")
    split: SplitConfig = Field(SplitConfig(), description="The three splits.")
    seed: int = Field(7, ge=0, description="Seed of negatives, of user_hash and of the order.")

    @pydantic.model_validator(mode="after")
    def _parts_fit(self) -> IngestConfig:
        time, gap = self.log.mapping.time, self.history.session_gap
        if time.unit == "order" and gap is not None:
            raise ValueError(
                f"`history.session_gap` is in seconds, but `log.columns.time` has only an order. "
                f"Received: {gap}; set `history.session_gap: null`."
            )
        behavior, positives = self.log.mapping.behavior, self.label.positives
        if positives is not None and behavior is None:
            raise ValueError(
                f"`label.positives` names behaviours, but `log.columns.behavior` is not set. "
                f"Received: {positives}; set the column, or remove `positives`."
            )
        if positives and behavior.type == "int" and not all(isinstance(p, int) for p in positives):
            raise ValueError(
                f"`label.positives` must be integers, as `log.columns.behavior` has type int. "
                f"Received: {positives}"
            )
        return self

    def used_columns(self) -> list[str]:
        """Names of all columns that are read, of the log or joined to it, each once."""
        mapping, log = self.log.mapping, self.log
        names = [column.column for column in mapping.ids().values()]
        names += [mapping.time.column, *(f.column for f in log.features.values())]
        names += [name for name in (mapping.oracle, self.label.column, self.split.column) if name]
        names += [RowFilter.parse(text).column for text in log.where]
        return list(dict.fromkeys(names))
