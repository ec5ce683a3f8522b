"""The configuration of the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import pydantic
from pydantic import Field

from models.metric_table import COMPARED, METRICS, name_checked
from models.section import Integer, Number, Section

Share = Annotated[float, Field(gt=0, lt=1)]
Compared = Annotated[str, pydantic.AfterValidator(name_checked(COMPARED))]


def bound(name: str) -> str:
    """The key of the worst value that a metric may have, such as `min_auc` and `max_logloss`."""
    return f"{'min' if METRICS[name].better > 0 else 'max'}_{name}"


def _bounds() -> dict[str, Any]:
    """A field for the worst value of every metric."""
    fields = {}
    for name in COMPARED:
        metric = METRICS[name]
        side, default, more = "Least" if metric.better > 0 else "Most", None, ""
        if name == "auc":
            default, more = 0.51, " 0.5 is chance, and all that a constant reaches."
        told = f"{side} {metric.label}; null: any.{more}"
        fields[bound(name)] = (
            float | None,
            Field(default, ge=0, le=min(metric.most, 1e6), description=told),
        )
    return fields


class LabelRule(Section):
    """What a model must show of a label beside the primary one."""

    min_auc: float | None = Field(None, ge=0, le=1, description="Least AUC; null: any.")
    tolerance: dict[Compared, Annotated[float, Field(ge=0, le=1e6)]] = Field(
        {},
        description="Most that a metric of the label may lose against the latest blessed model; "
        "what is not named may lose any.",
    )


class SliceRule(Section):
    """What a model must show on the targets whose `feature` is `equals`, or within two bounds."""

    feature: str = Field(
        description="A configured feature, or one of the eval examples, such as "
        "slice_history_length."
    )
    equals: str | Integer | None = Field(None, description="Its value; null: by bounds.")
    at_least: Number | None = Field(None, description="Its least value; null: any.")
    at_most: Number | None = Field(None, description="Its most value; null: any.")
    min_auc: float | None = Field(None, ge=0, le=1, description="Least AUC; null: any.")
    max_drop: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Most that AUC may lose against the latest blessed model; null: any.",
    )

    @pydantic.model_validator(mode="after")
    def _says_something(self) -> SliceRule:
        bounds = (self.at_least, self.at_most)
        if (self.equals is None) == (bounds == (None, None)):
            raise ValueError("give either `equals`, or `at_least` or `at_most` or both")
        if self.min_auc is None and self.max_drop is None:
            raise ValueError("give `min_auc` or `max_drop` or both: else the rule allows all")
        return self

    @property
    def slice(self) -> dict[str, str]:
        """The rule's slice in words, by feature."""
        if self.equals is not None:
            return {self.feature: str(self.equals)}
        parts = [
            f"{sign} {value:g}"
            for sign, value in ((">=", self.at_least), ("<=", self.at_most))
            if value is not None
        ]
        return {self.feature: " and ".join(parts)}


if TYPE_CHECKING:
    Bounds = Section  # its fields are made of the table of metrics
else:
    Bounds = pydantic.create_model("Bounds", __base__=Section, **_bounds())


class GateConfig(Bounds):
    """What a model must show on the eval split before it is pushed.

    Every number is judged by its user-clustered bootstrap interval, not by its value alone: a bound
    holds if the whole interval keeps it, and a loss against the latest blessed model is tolerated
    if even the interval's worse end lies within `tolerance`.
    """

    calibration: tuple[Number, Number] | None = Field(
        (0.92, 1.08),
        description="Least and most of predicted over observed clicks; null: any. Not judged where "
        "negatives are drawn: they make up the click rate.",
    )
    tolerance: dict[Compared, Annotated[float, Field(ge=0, le=1e6)]] = Field(
        {"auc": 0.002, "gauc": 0.002},
        description=f"Most that a metric ({', '.join(COMPARED)}) may lose against the latest "
        "blessed model; what is not named may lose any. A smaller tolerance needs a larger split. "
        "Each version may lose as much: floors alone hold over many.",
    )
    slices: list[str] = Field(
        [
            "slice_history_length",
            "slice_user_activity",
            "slice_item_rank",
            "slice_novelty",
            "slice_category",
        ],
        description="By whose values the metrics are reported too: slice_item_rank, slice_novelty, "
        "slice_category, configured features by their names, or features of the eval examples that "
        "have one value.",
    )
    slice_tolerance: float | None = Field(
        0.01,
        ge=0,
        le=1,
        description="No slice's AUC may be certainly worse, all slices taken together, and by more "
        "than this; null: any.",
    )
    slice_rules: list[SliceRule] = Field(
        [], description="Stricter rules for single slices, such as long histories."
    )
    labels: dict[str, LabelRule] = Field(
        {},
        description="Rules for labels beside the primary one, by name; those without a rule are "
        "told, and refuse nothing.",
    )
    confidence: Share = Field(0.95, description="Of every interval.")
    replicas: int = Field(
        1000, ge=100, le=100_000, description="Draws of users behind every interval."
    )
    min_power: Share = Field(
        0.8,
        description="An undecided comparison is put down to too small a split if this split would "
        "bless an equally good model with less than this chance.",
    )
    min_users: int = Field(
        30,
        ge=2,
        le=10**12,
        description="Least effective number of users, (sum n)^2 / sum n^2 over their targets n, "
        "from which an interval can be told; of each metric, over the targets that it stands on: "
        "of AUC and LogLoss those of the rarer label.",
    )
    on_schema_change: Literal["refuse", "judge_alone"] = Field(
        "refuse",
        description="What to do if the latest blessed model reads features that the examples no "
        "longer have: refuse the candidate, or judge it without comparison.",
    )

    @pydantic.field_validator("calibration")
    @classmethod
    def _band(cls, band: tuple[float, float] | None) -> tuple[float, float] | None:
        if band is not None and not 0 <= band[0] <= band[1]:
            raise ValueError(f"`calibration` must be [least, most]. Received: {list(band)}")
        return band

    @property
    def worst(self) -> dict[str, float]:
        """The worst value that a metric may have, of those that may not have any."""
        values = {name: getattr(self, bound(name)) for name in COMPARED}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def sliced(self) -> list[str]:
        """Every feature that metrics are sliced by, or a rule names."""
        return list(dict.fromkeys([*self.slices, *(rule.feature for rule in self.slice_rules)]))
