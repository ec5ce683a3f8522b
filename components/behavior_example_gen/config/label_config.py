"""The configuration of labels: which rows are targets, and what a model learns of them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

from models.feature_config import Name
from models.label_config import LabelTask
from models.section import Integer, Number, Section, without_null


class NegativesConfig(Section):
    """How targets that did not happen are drawn."""

    per_positive: int = Field(1, ge=1, le=100, description="Negatives for each positive target.")
    by: Literal["uniform", "popularity"] = Field(
        "uniform", description="Chance of an item: equal, or by its number of rows."
    )
    repeats: Literal["drop", "keep"] | None = Field(
        None,
        description="Items that the user had before: drop them as positives and as negatives, or "
        "keep them as both. Null: drop, where at most 1 % of the positives are such; else keep.",
    )


def _spelled(values: object) -> object:
    """Turns YAML's true and false into the texts that logs hold for them."""
    if not isinstance(values, list):
        return values
    if None in values:
        raise ValueError("a missing cell is no label: remove the null, or quote it if it is a text")
    texts: list[object] = []
    for value in values:
        true = isinstance(value, bool)
        texts += [str(value).lower(), str(value), str(value).upper()] if true else [value]
    return texts


class LabelConfig(Section):
    """Which rows are targets and what their label is: exactly one of `column` and `negatives`."""

    column: str | None = Field(
        None, description="Column of the label; an empty cell is a behaviour but no target."
    )
    at_least: Number | None = Field(
        None, description="The label is 1 from this number on; null: see `positives`."
    )
    negatives: NegativesConfig | None = Field(
        None, description="Every positive row is a target, and negatives are drawn for it."
    )
    positives: Annotated[list[Integer | str], pydantic.BeforeValidator(_spelled)] | None = Field(
        None,
        min_length=1,
        description="With `column`: its values whose label is 1; null: 1, true, t, yes and y. With "
        "`negatives`: behaviours that are positive; null: all of them.",
    )

    @pydantic.model_validator(mode="after")
    def _one_rule(self) -> LabelConfig:
        if (self.column is None) == (self.negatives is None):
            raise ValueError(
                f"exactly one of `column` (the log has labels) and `negatives` (it has only "
                f"positives) must be given. Received: column {self.column!r}, negatives "
                f"{'given' if self.negatives else 'none'}."
            )
        if self.at_least is not None and self.column is None:
            raise ValueError(
                f"`at_least` only has a meaning with `column`. Received: {self.at_least!r}; remove "
                f"it, or set `column`."
            )
        if self.at_least is not None and self.positives is not None:
            raise ValueError(
                f"`at_least` and `positives` exclude each other. Received: {self.at_least!r} and "
                f"{self.positives}; remove one of them."
            )
        return self


_TIME = re.compile(r"[1-9][0-9]{0,8}[smhd]")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class NamedLabel(LabelConfig, LabelTask):
    """One of several labels."""

    within: str | None = Field(
        None,
        description="A time such as 7d (s, m, h, d): the label is 1 if, so long from a target on, "
        "a row of the log with its user and item has a positive value in `column`; null: the "
        "target's own row says it.",
    )

    @pydantic.field_validator("within", mode="before")
    @classmethod
    def _is_time(cls, value: Any) -> Any:
        if value is not None and not (isinstance(value, str) and _TIME.fullmatch(value)):
            raise ValueError("a time is a number and s, m, h or d, such as 7d")
        return value

    @property
    def within_seconds(self) -> int | None:
        """The window in seconds."""
        return int(self.within[:-1]) * _SECONDS[self.within[-1]] if self.within else None


def _primary_first(labels: Any) -> Any:
    """Puts the label that `primary` names first, and takes away those that are null."""
    named = without_null(labels)
    if not isinstance(named, dict) or "primary" not in named:
        return named
    primary = named.pop("primary")
    if not isinstance(primary, str) or primary not in named:
        raise ValueError(
            f"`labels.primary` must name one of the labels: {', '.join(map(str, named))}. "
            f"Received: {primary!r}."
        )
    return {primary: named.pop(primary)} | named


Labels = Annotated[dict[Name, NamedLabel], pydantic.BeforeValidator(_primary_first)]
