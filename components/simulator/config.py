"""The configuration of the simulator."""

from __future__ import annotations

import pydantic
from pydantic import Field

from models.section import Section


class ClickWeights(Section):
    """How much of the variance of a click's log-odds each planted cause explains.

    Only their proportions count: they are scaled to a sum of 1.
    """

    interest: float = Field(
        0.8,
        ge=0,
        le=1e6,
        description="Share of the lasting like or dislike of the item's category.",
    )
    session: float = Field(
        0.1,
        ge=0,
        le=1e6,
        description="Share of whether the session began with a search for the category.",
    )
    taste: float = Field(
        0.1,
        ge=0,
        le=1e6,
        description="Share of the taste for the category, slowly moving and weekly recurring.",
    )
    context: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="Share of whether the category goes with the others searched for in this "
        "session.",
    )
    habit: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="Share of whether the category goes with the user's former habit; needs "
        "`habit_share`.",
    )

    author: float = Field(0.0, ge=0, le=1e6, description="Share of who made the item.")
    age: float = Field(0.0, ge=0, le=1e6, description="Share of the user's age group.")
    tab: float = Field(0.0, ge=0, le=1e6, description="Share of where a request was shown.")

    @pydantic.model_validator(mode="after")
    def _some_weight(self) -> ClickWeights:
        if not any(self.model_dump().values()):
            raise ValueError(
                "`weights` must not all be 0, or clicks depend on nothing: raise at least one."
            )
        return self


class SimulatorConfig(Section):
    """A simulated behaviour log whose click probabilities are known.

    With the defaults a target's category is seen some 45 times in the whole history, but only 3
    times in the last 50 rows: a model must find the right behaviours, however old they are.
    """

    seed: int = Field(7, ge=0, lt=2**63, description="The same seed gives the same log.")
    users: int = Field(1600, ge=1, le=10**9, description="Number of users.")
    median_history: int = Field(
        1400,
        ge=1,
        le=10_000_000,
        description="Median number of impressions before a user's first target.",
    )
    max_history: int = Field(
        2000,
        ge=1,
        le=10_000_000,
        description="Largest number of impressions before a user's first target.",
    )
    targets_per_user: int = Field(
        67, ge=1, le=1_000_000, description="How many of a user's last impressions are targets."
    )
    categories: int = Field(120, ge=2, le=10_000_000, description="Number of categories.")
    items_per_category: int = Field(
        8, ge=1, le=10_000_000, description="Number of items of a category."
    )
    item_popularity: float = Field(
        1.0, ge=0, le=100, description="Zipf exponent of an item's popularity within its category."
    )
    user_categories: int = Field(
        28, ge=2, le=100_000, description="Number of categories that a user ever gets to see."
    )
    user_items: int = Field(
        2,
        ge=1,
        le=100_000,
        description="Draws of an item, by popularity, for each category of a user.",
    )
    session_length: float = Field(
        36.0, ge=1, le=1e6, description="Mean number of impressions of a session."
    )
    list_length: int = Field(
        6,
        ge=1,
        le=100_000,
        description="Impressions of a request: shown at one time, the last of a session may be "
        "fewer.",
    )
    sessions_per_day: float = Field(0.4, gt=0, le=5, description="Mean number of sessions a day.")
    searches: int = Field(
        3,
        ge=1,
        le=100_000,
        description="Searches that a session begins with, each for another category.",
    )
    focus: float = Field(
        0.3, ge=0, le=1, description="Share of impressions drawn from what was searched for."
    )
    habit_share: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of impressions of one more category, the user's habit, given up for "
        "good 100 impressions before the first target.",
    )
    taste_days: float = Field(
        120.0, gt=0, le=1e6, description="Days in which a user's taste becomes another one."
    )
    rhythm: float = Field(
        0.2, ge=0, le=1, description="Share of the taste's variance that recurs every week."
    )
    exposure: float = Field(
        0.5,
        ge=0,
        le=1e6,
        description="How strongly the taste decides what is searched for; 0: not at all.",
    )
    weights: ClickWeights = Field(
        ClickWeights(), description="What clicks depend on, and how much."
    )
    signal: float = Field(
        1.5,
        gt=0,
        le=1e6,
        description="Standard deviation of a click's log-odds: all there is to predict.",
    )
    click_rate: float = Field(0.4, gt=0, lt=1, description="Share of impressions with a click.")
    outcomes: bool = Field(
        True,
        description="Whether `behavior` tells clicks from skips; if not, it says skipped of both.",
    )

    @pydantic.model_validator(mode="after")
    def _sizes_fit(self) -> SimulatorConfig:
        for small, large in (
            ("median_history", "max_history"),
            ("user_categories", "categories"),
            ("searches", "user_categories"),
        ):
            if getattr(self, small) > getattr(self, large):
                raise ValueError(
                    f"`{small}` ({getattr(self, small)}) must be at most `{large}` "
                    f"({getattr(self, large)}): lower the one or raise the other."
                )
        if self.habit_share and self.user_categories == self.categories:
            raise ValueError(
                f"`habit_share` ({self.habit_share}) needs a category beyond `user_categories` "
                f"({self.user_categories}): raise `categories` ({self.categories})."
            )
        if self.weights.habit and not self.habit_share:
            raise ValueError(
                f"`weights.habit` ({self.weights.habit}) needs a `habit_share` above 0: without "
                f"it no user has a habit."
            )
        return self
