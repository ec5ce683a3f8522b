"""The configured columns of a log: which of them holds what, and how a cell is read."""

from __future__ import annotations

import itertools
from typing import Annotated, Literal

import pydantic
from pydantic import Field

from components.behavior_example_gen.cells.time_format import pattern
from models.section import Section

NANOSECONDS = 1_000_000_000  # in a second: times of a clock are kept in them until they are written


class IdColumn(Section):
    """A column of ids or of other discrete values."""

    column: str = Field(description="Name of the column.")
    type: Literal["int", "string"] = Field(
        "string",
        description="How ids are stored: int is faster, reads 17850.0 as 17850, and 007 as 7.",
    )
    before: str | None = Field(
        None,
        min_length=1,
        description="Keep only the text before the first occurrence of this, without spaces "
        "around it.",
    )


class TimeColumn(Section):
    """The column that orders a user's rows."""

    column: str = Field(description="Name of the column.")
    unit: Literal["s", "ms", "us", "ns", "day", "order"] | None = Field(
        None,
        description="Unit of a number since 1970 (null: s), or `order` for whole numbers that are "
        "no clock. A text in ISO 8601 and a typed time need none.",
    )
    format: str | None = Field(
        None,
        description="strptime format of a text that is not ISO 8601, instead of `unit`; without a "
        "year: of 1972; without %z: of UTC.",
    )

    @pydantic.field_validator("format")
    @classmethod
    def _format_is_understood(cls, layout: str | None) -> str | None:
        if layout is not None:
            pattern(layout)
        return layout

    @pydantic.model_validator(mode="after")
    def _one_way_to_read(self) -> TimeColumn:
        if self.format is not None and self.unit is not None:
            raise ValueError(
                f"`time` is either a number with a `unit` or a text with a `format`. Received: "
                f"unit {self.unit!r} and format {self.format!r}; remove one of them."
            )
        return self

    @property
    def ticks_per_second(self) -> int:
        """Resolution in which times are kept until they are written as seconds."""
        return 1 if self.unit == "order" else NANOSECONDS


def _named(value: object) -> object:
    """Lets a plain column name stand for a section with that name and the defaults."""
    if isinstance(value, int | float):
        raise ValueError("the name of a column is a text: put it between quotation marks")
    return {"column": value} if isinstance(value, str) else value


Id = Annotated[IdColumn, pydantic.BeforeValidator(_named)]
Time = Annotated[TimeColumn, pydantic.BeforeValidator(_named)]


class ImpressionColumns(Section):
    """Which column of a table of impressions holds what."""

    user: Id = Field(description="Who acted.")
    item: Id = Field(description="On what.")
    category: Id | None = Field(
        None,
        description="Category of the item; null: that of the item in the log, or, where the log "
        "has none, the category 0 or '' of all items.",
    )
    time: Time = Field(description="When; the order of a user's rows.")
    request: Id | None = Field(
        None,
        description="Which of a user's rows were shown together: all of them see the history as "
        "of the earliest. Null, or an empty cell: rows of one time that see the same.",
    )
    weight: str | None = Field(
        None,
        description="How much a target counts, in the loss and in metrics over all targets: a "
        "number of 0 or more; null: 1.",
    )
    oracle: str | None = Field(
        None, description="True click probability, which only a simulated log knows."
    )

    @pydantic.model_validator(mode="after")
    def _columns_differ(self) -> ImpressionColumns:
        names = {"user": self.user.column, "item": self.item.column, "time": self.time.column}
        for one, other in itertools.combinations(names, 2):
            if names[one] == names[other]:
                raise ValueError(
                    f"`{one}` and `{other}` must be different columns. Received: {names[one]!r} "
                    f"for both"
                )
        return self

    def ids(self) -> dict[str, IdColumn]:
        """The configured id columns by their part in the table."""
        parts = ("user", "item", "category", "behavior")
        return {part: found for part in parts if (found := getattr(self, part, None)) is not None}


class ColumnConfig(ImpressionColumns):
    """Which column of the log holds what."""

    category: Id | None = Field(
        None, description="Category of the item; null: all items share the category 0 or ''."
    )
    behavior: Id | None = Field(
        None, description="What was done, such as pv, cart, buy, or a rating."
    )


# What `components.simulator.simulate` returns.
SIMULATED = ColumnConfig(
    user=IdColumn(column="user_id", type="int"),
    item=IdColumn(column="item_id", type="int"),
    category=IdColumn(column="category_id", type="int"),
    time=TimeColumn(column="time"),
    behavior=IdColumn(column="behavior", type="int"),
    request=IdColumn(column="request", type="int"),
    oracle="click_probability",
)
