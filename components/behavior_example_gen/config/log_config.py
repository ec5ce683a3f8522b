"""The configuration of a log: where its tables are, and which column holds what."""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

from components import secrets
from components.behavior_example_gen.cells.columns import (
    SIMULATED,
    ColumnConfig,
    ImpressionColumns,
)
from components.behavior_example_gen.cells.where import RowFilter
from components.simulator.config import SimulatorConfig
from models.characters import Character
from models.feature_config import Name
from models.section import Section, without_null

_FOLDER = "Folder of the files, also gs:// or s3://; relative: to where you are."
# What databases, spreadsheets, pandas, R and JavaScript write for nothing.
MISSING = (
    r"\N", "NULL", "Null", "null", "(null)", "NA", "<NA>", "N/A", "n/a", "#N/A", "#NA", "NaN",
    "nan", "NaT", "None", "none", "NONE", "undefined",
)  # fmt: skip


def _texts(values: object) -> object:
    """Refuses what YAML has turned into something else than a text; numbers become their text."""
    if not isinstance(values, list) or any(isinstance(value, list | dict) for value in values):
        return values
    for value in values:
        if value is None or isinstance(value, bool | float):
            raise ValueError(
                f"needs texts, but YAML reads one of them as {value!r}: put it between quotation "
                f"marks, as it stands in the log."
            )
    return [str(value) for value in values]


Texts = Annotated[list[str], pydantic.BeforeValidator(_texts)]


class CsvConfig(Section):
    """How a text file is cut into rows and columns."""

    delimiter: Character = Field(
        ",", min_length=1, description="Text between two columns, such as ';', tab or \\001."
    )
    header: list[str] | None = Field(
        None, description="Names of the columns; null: the first row names them."
    )
    skip_rows: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="Lines before the first row, or the header, that are left out.",
    )
    encoding: str = Field("utf-8", description="Encoding of the text, such as latin-1.")
    quote: Character | None = Field(
        '"', min_length=1, max_length=1, description="Quotation mark; null: none has a meaning."
    )
    escape: Character | None = Field(
        None,
        min_length=1,
        max_length=1,
        description="What takes the meaning from the character behind it, such as the backslash "
        "of Spark and MySQL; null: nothing does, and a mark in a cell is doubled.",
    )

    @pydantic.field_validator("encoding")
    @classmethod
    def _encodes_texts(cls, encoding: str) -> str:
        try:
            "".encode(encoding)  # Python's rot13, zlib and hex encode no texts
        except (LookupError, ValueError) as fault:
            raise ValueError(
                "is no encoding of texts that is known: set utf-8, utf-16, latin-1, cp1252 or "
                "another name of Python's"
            ) from fault
        return encoding

    @pydantic.model_validator(mode="after")
    def _characters_differ(self) -> CsvConfig:
        keys = {"delimiter": self.delimiter, "quote": self.quote, "escape": self.escape}
        used: dict[str, str] = {}
        for key, text in keys.items():
            if text is None:
                continue
            if "\n" in text or "\r" in text or "\0" in text:
                raise ValueError(f"`{key}` must be no line end and no zero. Received: {text!r}")
            if key != "delimiter" and not text.isascii():
                raise ValueError(f"`{key}` must be an ASCII character. Received: {text!r}")
            if text in used:
                raise ValueError(
                    f"`{used[text]}` and `{key}` must differ. Received: {text!r} for both; a "
                    f"doubled quotation mark in a cell needs no `escape`."
                )
            used[text] = key
        return self


_FORMAT = Literal["auto", "csv", "json", "parquet", "tfrecord"]


class JoinedConfig(Section):
    """A table of items or of users, whose used columns are joined to the log by their names."""

    of: Literal["item", "user"] = Field(description="Of what a row is, by `log.columns`.")
    folder: str | None = Field(None, description="Folder of the files; null: that of the log.")
    files: str | list[str] = Field(description="File, glob or folder, or a list, as in `log`.")
    format: _FORMAT = Field("auto", description="Format of the files, as in `log`.")
    csv: CsvConfig = Field(CsvConfig(), description="How the text files are read.")
    key: str = Field(description="Column that holds the id of the item or the user.")
    columns: list[str] | None = Field(
        None,
        min_length=1,
        description="Its columns that may be used, where the log or another table has some of the "
        "same name; null: all.",
    )
    min_known: float = Field(
        0.9, ge=0, le=1, description="Share of rows with a known key below which a run warns."
    )
    max_bad_row_share: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Share of its rows whose number may be none, in each feature, and is missing "
        "then; above it the run stops. Null: that of the log.",
    )
    as_of: datetime.date | None = Field(
        None,
        description="Day of which the table is a snapshot, such as 2022-04-08: a run warns if it "
        "knows what came after the training split. Null: it holds of every day.",
    )


class TableConfig(Section):
    """Where a table of events is, and how it is read: files, or another source."""

    folder: str | None = Field(".", description=_FOLDER)
    files: str | list[str] | None = Field(
        None,
        description="File, glob or folder within `folder`, or a list of them. Names that begin "
        "with . or _ are left out, unless a file is named.",
    )
    format: _FORMAT = Field(
        "auto",
        description="Format of the files; auto: Parquet (*.parquet), JSON lines (*.jsonl, *.json, "
        "*.ndjson) and TFRecord (*.tfrecord*) by name, otherwise text. An event of a TFRecord is "
        "one tf.train.Example.",
    )
    csv: CsvConfig = Field(CsvConfig(), description="How the text files are read.")
    source: str | None = Field(
        None,
        pattern=r"^(tfds|bigquery|beam):\S+$",
        description="Instead of files: tfds:NAME[/config][:split], bigquery:PROJECT.DATASET.TABLE "
        "or beam:package.module.function, which returns a transform that reads.",
    )
    options: dict[str, Any] = Field(
        {},
        description="Further arguments of `source`. A secret is written as ${NAME} of the "
        "environment or ${file:PATH}, and read when the source is opened.",
    )
    trim: bool = Field(True, description="Whether spaces around a text cell are cut off.")
    missing: Texts = Field(
        list(MISSING),
        description="Texts that stand for a missing cell, in typed files the numbers that they "
        "are; an empty cell always does.",
    )
    where: list[str] = Field([], description="Rows to keep: each one COLUMN OPERATOR VALUE.")

    @pydantic.field_validator("where")
    @classmethod
    def _where_parses(cls, where: list[str]) -> list[str]:
        for text in where:
            RowFilter.parse(text)
        return where

    @pydantic.model_validator(mode="after")
    def _one_source(self) -> TableConfig:
        if self.files is not None and self.source is not None:
            raise ValueError(
                f"`files` and `source` exclude each other. Received: {self.files!r} and "
                f"{self.source!r}; remove one of them."
            )
        if self.options and self.source is None:
            raise ValueError(
                f"`options` are arguments of `source`, which is not set. Received: "
                f"{', '.join(self.options)}"
            )
        secrets.refuse_literals(self.options, "options")
        return self


class ImpressionsConfig(TableConfig):
    """A second table: what was shown to whom when. Its rows are the targets, those of the log the
    behaviours; an impression sees the behaviours of its user that are strictly earlier."""

    folder: str | None = Field(None, description="Folder of the files; null: that of the log.")
    columns: ImpressionColumns = Field(description="Which column holds what.")

    @pydantic.model_validator(mode="after")
    def _has_rows(self) -> ImpressionsConfig:
        if self.files is None and self.source is None:
            raise ValueError("`log.impressions` needs `files` or a `source`.")
        return self


class LogConfig(TableConfig):
    """Where the behaviour log is, which column holds what, and which rows count."""

    folder: str = Field(".", description=_FOLDER)
    columns: ColumnConfig | None = Field(None, description="Which column holds what.")
    tables: Annotated[dict[Name, JoinedConfig], pydantic.BeforeValidator(without_null)] = Field(
        {},
        description="Tables of items or users, by name, whose used columns are joined; one that is "
        "null is left out.",
    )
    impressions: ImpressionsConfig | None = Field(
        None, description="A second table, of the targets; null: targets are rows of the log."
    )
    duplicates: Literal["drop", "keep"] = Field(
        "drop",
        description="Rows equal in every used column: keep them where a time is a day.",
    )
    user_share: float = Field(
        1.0, gt=0, le=1, description="Share of the users that are kept, drawn by hash of the id."
    )
    max_bad_row_share: float = Field(
        0.01, ge=0, le=1, description="Share of faulty rows above which the run stops."
    )
    shards: int | None = Field(
        None, ge=1, le=4096, description="Groups of users, sorted one at a time; null: by size."
    )
    simulator: SimulatorConfig | None = Field(
        None, description="Simulate the log, instead of reading files."
    )

    @pydantic.model_validator(mode="after")
    def _parts_fit(self) -> LogConfig:
        if self.simulator is not None:
            excluded = ("files", "source", "columns", "impressions")
            given = [key for key in excluded if getattr(self, key) is not None]
            given += ["tables"] if self.tables else []
            if given:
                raise ValueError(
                    f"`log.simulator` replaces the files, so it excludes {given}: remove them, or "
                    f"remove `simulator`."
                )
        elif self.columns is None or (self.files is None and self.source is None):
            missing = "columns" if self.columns is None else "files"
            raise ValueError(
                f"`log.{missing}` is missing: a log is either `files` or a `source` with "
                f"`columns`, or a `simulator`."
            )
        if taken := {"log", "impressions"} & set(self.tables):
            raise ValueError(
                f"`log.tables` must not be named {sorted(taken)}: the log itself is. Choose "
                f"another name."
            )
        days = [name for name, table in self.tables.items() if table.as_of is not None]
        if days and self.mapping.time.unit == "order":
            raise ValueError(
                f"`log.tables.{days[0]}.as_of` is a day, but `log.columns.time` has only an order. "
                f"Received: {self.tables[days[0]].as_of}; remove it."
            )
        return self

    @pydantic.model_validator(mode="after")
    def _tables_fit(self) -> LogConfig:
        if self.impressions is None:
            return self
        ours, theirs = self.mapping, self.impressions.columns
        pairs = [(key, getattr(ours, key), getattr(theirs, key)) for key in ("user", "item")]
        if theirs.category is not None:
            if ours.category is None:
                raise ValueError(
                    "`log.impressions.columns.category` is set, but `log.columns.category` is not: "
                    "set both, or remove it."
                )
            pairs.append(("category", ours.category, theirs.category))
        for key, one, other in pairs:
            if one.type != other.type:
                raise ValueError(
                    f"`log.columns.{key}` has type {one.type}, and `log.impressions.columns.{key}` "
                    f"type {other.type}: ids of both tables must be of one type."
                )
        if (ours.time.unit == "order") != (theirs.time.unit == "order"):
            raise ValueError(
                f"`log.columns.time` and `log.impressions.columns.time` must both be an order, or "
                f"both be times. Received: {ours.time.unit} and {theirs.time.unit}"
            )
        return self

    def folder_of(self, table: TableConfig | JoinedConfig) -> str:
        """The folder of a table's files."""
        return self.folder if table.folder is None else table.folder

    @property
    def mapping(self) -> ColumnConfig:
        """The columns of the log, be it read or simulated."""
        return self.columns or SIMULATED
