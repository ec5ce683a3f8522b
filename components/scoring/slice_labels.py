"""How slices are named where people read of them: in the gate's sentences, in reports."""

from __future__ import annotations

_FEATURES = {
    "slice_history_length": "History length",
    "slice_user_activity": "User activity",
    "slice_item_rank": "Item popularity rank",
    "slice_novelty": "Novelty",
}
# Their values are powers of two, each for the numbers up to the next.
_RANGES = {"slice_history_length", "slice_user_activity", "slice_item_rank"}


def feature_label(name: str) -> str:
    """A slicing feature in words."""
    plain = name.removeprefix("slice_").removeprefix("target_")
    return _FEATURES.get(name, plain.replace("_", " ").capitalize())


def feature_rank(name: str) -> int:
    """Where a slicing feature stands among others: known ones first."""
    return [*_FEATURES, name].index(name)


def is_ordered(name: str) -> bool:
    """Whether the values of a slicing feature follow one another."""
    return name in _RANGES


def value_label(feature: str, value: str) -> str:
    """A slice's value: a power of two stands for the numbers up to the next one."""
    if feature not in _RANGES or not value.isdigit():
        return value
    low = int(value)
    if feature == "slice_item_rank" and not low:
        return "not in training"
    return f"{low}" if low < 2 else f"{low:,}–{2 * low - 1:,}"
