"""The configuration keys that a model's features come from, by which messages name them."""

from __future__ import annotations

from models import features

_KEYS = {
    features.USER_ID: "log.columns.user",
    features.HISTORY_ITEM: "log.columns.item",
    features.TARGET_ITEM: "log.columns.item",
    features.HISTORY_CATEGORY: "log.columns.category",
    features.TARGET_CATEGORY: "log.columns.category",
    features.HISTORY_BEHAVIOR: "log.columns.behavior",
    features.HISTORY_TIME: "log.columns.time",
    features.TARGET_TIME: "log.columns.time",
}


def log_key(feature: str) -> str | None:
    """The key of the configuration that a raw feature comes from; None if from none."""
    if feature not in _KEYS and feature.startswith(features.HISTORY_PREFIX):
        return f"log.features.{feature.removeprefix(features.HISTORY_PREFIX)}"
    return _KEYS.get(feature)
