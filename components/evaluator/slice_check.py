"""Whether what the gate slices by will be there."""

from __future__ import annotations

from tensorflow_metadata.proto.v0 import schema_pb2

from components.errors import InputError
from components.evaluator.config import GateConfig
from components.scoring.names import (
    BASELINE_FROZEN,
    BASELINE_SCORE,
    CATEGORY,
    FROZEN,
    ITEM_RANK,
    NOVELTY,
    SCORE,
)
from models import feature_config, features
from models.feature_config import Feature, Features, NumberFeature, TimeFeature

_NOT_SLICED = {
    "ids": "holds several values, and a target is in one slice of a feature",
    "vector": "is a vector, whose values are no slices",
}
_TAKEN = {SCORE, BASELINE_SCORE, FROZEN, BASELINE_FROZEN}


def check(gate: GateConfig, schema: schema_pb2.Schema, configured: Features) -> None:
    """Refuses to slice by what the examples will not have, before anything runs.

    Args:
      gate: what is sliced by.
      schema: of the examples.
      configured: features, of which those with one value for a target are sliced by name.

    Raises:
      InputError: naming the feature and those that can be sliced by, so or by bounds.
    """
    for name in sorted(set(gate.sliced) & configured.keys()):
        if why := _refusal(name, configured[name]):
            raise InputError(f"`gate.slices` and `gate.slice_rules`: {name!r} {why}")
    raw = {
        column
        for name, feature in configured.items()
        for column in feature_config.columns(name, feature)
    }
    is_number = {ITEM_RANK: True, NOVELTY: False, CATEGORY: False}
    is_number |= {
        feature.name: feature.type != schema_pb2.BYTES
        for feature in schema.feature
        if not feature.name.startswith((features.HISTORY_PREFIX, features.item_feature("")))
        and feature.name != features.TARGET_MATCH
        and feature.name not in raw
    }
    is_number |= {
        name: isinstance(feature, TimeFeature)
        for name, feature in configured.items()
        if _refusal(name, feature) is None
    }
    unknown = sorted(set(gate.sliced) - is_number.keys())
    if unknown:
        raise InputError(
            f"`gate.slices` and `gate.slice_rules` must name features of the eval examples. "
            f"Received: {', '.join(unknown)}. There are: {', '.join(sorted(is_number))}"
        )
    for rule in gate.slice_rules:
        if rule.equals is None and not is_number[rule.feature]:
            ranges = isinstance(configured.get(rule.feature), NumberFeature)
            raise InputError(
                "`gate.slice_rules`: `at_least` and `at_most` need a feature of numbers. "
                f"Received: {rule.feature}, which is {'cut into ranges' if ranges else 'text'}. "
                "Give `equals`, or one of "
                f"{', '.join(sorted(name for name, number in is_number.items() if number))}"
            )


def _refusal(name: str, feature: Feature) -> str | None:
    """Why targets cannot be sliced by a configured feature; None: they can."""
    if feature.of == "event":
        return "is known of behaviours alone (`of: event`), so no target has a value. Remove it"
    if feature.type in _NOT_SLICED:
        return f"{_NOT_SLICED[feature.type]}. Remove it, or slice by one of type id or number"
    if name in _TAKEN:
        return "is a column of the predictions already. Call the feature otherwise"
    return None
