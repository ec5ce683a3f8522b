"""The configuration of the gate."""

from __future__ import annotations

import pydantic
from pydantic import Field

from models.config import Section


class GateConfig(Section):
    """What a model must show on the eval split, over all its targets, before it is pushed."""

    min_auc: float = Field(
        0.51, ge=0, le=1, description="Least AUC; 0.5 is chance, and all that a constant reaches."
    )
    min_gauc: float | None = Field(None, ge=0, le=1, description="Least GAUC; null: any.")
    max_logloss: float | None = Field(None, gt=0, description="Most LogLoss; null: any.")
    calibration: tuple[float, float] | None = Field(
        (0.8, 1.25),
        description="Least and most of predicted over observed clicks; null: any.",
    )
    max_drop: float | None = Field(
        0.001,
        ge=0,
        description="Most that AUC and GAUC may lose against the latest blessed model; null: any.",
    )
    slices: list[str] = Field(
        ["slice_history_length", "slice_user_activity"],
        description="Features of the eval examples by whose values the metrics are reported too.",
    )

    @pydantic.field_validator("calibration")
    @classmethod
    def _band(cls, band: tuple[float, float] | None) -> tuple[float, float] | None:
        if band is not None and not 0 <= band[0] <= band[1]:
            raise ValueError(f"`calibration` must be [least, most]. Received: {list(band)}")
        return band
