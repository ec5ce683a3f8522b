"""Plain data as JSON that every reader takes: JSON knows no NaN and no infinity."""

from __future__ import annotations

import math
from typing import Any


def without_nan(value: Any) -> Any:
    """The same plain data with null for every number that is not finite."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
