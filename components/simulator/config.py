"""The configuration of the simulator."""

from __future__ import annotations

from pydantic import Field, model_validator

from models.config import Section


class ClickWeights(Section):
    """How much of the variance of the click's log-odds each planted cause explains."""

    interest: float = Field(
        0.70, ge=0, description="Share of the user's lasting like or dislike of the category."
    )
    session: float = Field(
        0.15, ge=0, description="Share of the match between the item's topic and the session."
    )
    taste: float = Field(
        0.15, ge=0, description="Share of the slowly moving, periodic taste for the topic."
    )

    @model_validator(mode="after")
    def _some_weight(self) -> ClickWeights:
        if not self.interest + self.session + self.taste > 0:
            raise ValueError("`weights` must not all be 0: a click would depend on nothing.")
        return self


class SimulatorConfig(Section):
    """A simulated log of impressions, clicked or skipped. See `components.simulator.simulate`."""

    seed: int = Field(7, ge=0, description="The seed: the same seed gives the same log.")
    users: int = Field(1600, ge=1, description="Number of users.")
    median_history: int = Field(
        1200, ge=1, description="Median number of behaviours before a user's first target."
    )
    max_history: int = Field(
        2000, ge=1, description="Largest number of behaviours before a user's first target."
    )
    targets_per_user: int = Field(
        67, ge=1, description="How many of a user's last rows are targets."
    )
    categories: int = Field(160, ge=1, description="Number of categories.")
    items_per_category: int = Field(20, ge=1, description="Number of items of a category.")
    item_popularity: float = Field(
        1.0, ge=0, description="Zipf exponent of an item's popularity within its category."
    )
    user_categories: int = Field(28, ge=2, description="Number of categories that a user ever looks at.")
    searches: int = Field(3, ge=1, description="Searches that a session begins with, each of another category.")
    user_items: int = Field(
        2, ge=1, description="Number of items of each such category that a user ever sees."
    )
    session_length: float = Field(24.0, ge=1, description="Mean number of rows of a session.")
    sessions_per_day: float = Field(2.0, gt=0, le=6, description="Mean number of sessions a day.")
    focus: float = Field(
        0.4, ge=0, le=1, description="Share of a session's rows that show the session's own topic."
    )
    taste_days: float = Field(
        60.0, gt=0, description="Days after which a user's taste is mostly another one."
    )
    rhythm: float = Field(
        0.3, ge=0, le=1, description="Share of the taste's variance that recurs every week."
    )
    exposure: float = Field(
        0.7, ge=0, description="How strongly the taste also steers what a session shows."
    )
    weights: ClickWeights = Field(
        ClickWeights(), description="What clicks depend on: shares of the log-odds' variance."
    )
    signal: float = Field(
        1.6, gt=0, description="Standard deviation of the log-odds: what there is to predict."
    )
    click_rate: float = Field(0.4, gt=0, lt=1, description="Share of the rows that are clicked.")

    @model_validator(mode="after")
    def _sizes_fit(self) -> SimulatorConfig:
        for small, large in (
            ("searches", "user_categories"),
            ("user_categories", "categories"),
            ("median_history", "max_history"),
        ):
            if getattr(self, small) > getattr(self, large):
                raise ValueError(
                    f"`{small}` must be at most `{large}` ({getattr(self, large)}). "
                    f"Received: {getattr(self, small)}"
                )
        return self
