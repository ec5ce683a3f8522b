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
    features.TARGET_REQUEST: "log.columns.request",
    features.TARGET_ORACLE: "log.columns.oracle",
    features.TARGET_WEIGHT: "log.columns.weight",
    features.ITEM_ID: "log.columns.item",
    features.ITEM_COUNT: "log.columns.item",
}
# What no column holds, though it is named as a feature would be.
_DERIVED = {features.TARGET_HIST_END, features.TARGET_LOCAL_BEGIN, features.TARGET_MATCH}
_PREFIXES = (
    features.HISTORY_PREFIX,
    features.TARGET_PREFIX,
    features.user_feature(""),
    features.item_feature(""),
)


def log_key(feature: str) -> str | None:
    """The key of the configuration that a raw feature comes from; None if from none."""
    if feature in _KEYS or feature in _DERIVED:
        return _KEYS.get(feature)
    if feature.startswith(features.label_feature("")):
        return f"labels.{feature.removeprefix(features.label_feature(''))}"
    for prefix in _PREFIXES:
        if feature.startswith(prefix):
            name = feature.removeprefix(prefix)
            if prefix == features.item_feature(""):
                name = name.removesuffix(features.length_of(""))
            return f"features.{name}"
    return None
