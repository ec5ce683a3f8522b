"""What the steps of the pipeline are handed of a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import pydantic
from pydantic import Field

from models.section import Number, Section


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


class PreprocessingSettings(Section):
    """What Transform must know: of the settings that it is handed, it reads no other."""

    model_config = pydantic.ConfigDict(extra="ignore", frozen=True)

    features: dict[str, list[Number]] = Field(
        {}, description="Boundaries of the extra cross features, by name."
    )

    @classmethod
    def from_custom_config(cls, custom_config: Mapping[str, Any]) -> Self:
        """Reads the settings from TFX's `custom_config`, where they are JSON under `"config"`."""
        return cls.model_validate_json(custom_config["config"])

    @pydantic.field_validator("features")
    @classmethod
    def _rising(cls, value: dict[str, list[float]]) -> dict[str, list[float]]:
        for name, boundaries in value.items():
            if boundaries != sorted(set(boundaries)):
                raise ValueError(
                    f"`boundaries` of the cross feature `{name}` must rise. Received: {boundaries}"
                )
        return value
