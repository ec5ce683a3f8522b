"""What the steps of the pipeline are handed of a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

import pydantic
from pydantic import Field

from models.feature_config import Features, Tables
from models.section import Section


class HistorySettings(Section):
    """What the serving graph must know of how the examples were cut; see `positions`."""

    max_length: int = Field(
        ..., ge=1, le=10_000_000, description="Behaviours that a target sees, at most."
    )
    match: int = Field(
        ..., ge=1, le=1_000_000, description="M, the length of the target subsequence."
    )
    session_gap: int | None = Field(
        ..., ge=1, le=10**12, description="Seconds that end a session; null: none do."
    )
    min_local: int = Field(
        ..., ge=0, le=10_000_000, description="Behaviours of the local subsequence, at least."
    )
    targets_per_example: int = Field(
        ..., ge=1, le=1_000_000, description="T of the packed examples."
    )
    ties: Literal["exclude", "order"] = Field(
        "exclude", description="Whether a target sees behaviours of its own second: order."
    )
    clock: bool = Field(True, description="Whether times are seconds since 1970, and not an order.")


class PreprocessingSettings(Section):
    """What Transform must know: of the settings that it is handed, it reads no other."""

    model_config = pydantic.ConfigDict(extra="ignore", frozen=True)

    features: Features = Field({}, description="What else the log knows, by name.")
    tables: Tables = Field({}, description="Embedding tables that differ from the default.")

    @classmethod
    def from_custom_config(cls, custom_config: Mapping[str, Any]) -> Self:
        """Reads the settings from TFX's `custom_config`, where they are JSON under `"config"`."""
        return cls.model_validate_json(custom_config["config"])
