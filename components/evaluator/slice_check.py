"""Whether what the gate slices by will be there."""

from __future__ import annotations

from tensorflow_metadata.proto.v0 import schema_pb2

from components.errors import InputError
from components.evaluator.config import GateConfig
from components.scoring.slices import CATEGORY, ITEM_RANK, NOVELTY
from models import features


def check(gate: GateConfig, schema: schema_pb2.Schema) -> None:
    """Refuses to slice by what the examples will not have, before anything runs.

    Raises:
      InputError: naming the feature and those that can be sliced by, so or by bounds.
    """
    is_number = {ITEM_RANK: True, NOVELTY: False, CATEGORY: False} | {
        feature.name: feature.type != schema_pb2.BYTES
        for feature in schema.feature
        if not feature.name.startswith(features.HISTORY_PREFIX)
        and feature.name != features.TARGET_MATCH
    }
    unknown = sorted(set(gate.sliced) - is_number.keys())
    if unknown:
        raise InputError(
            f"`gate.slices` and `gate.slice_rules` must name features of the eval examples. "
            f"Received: {', '.join(unknown)}. There are: {', '.join(sorted(is_number))}"
        )
    for rule in gate.slice_rules:
        if rule.equals is None and not is_number[rule.feature]:
            raise InputError(
                "`gate.slice_rules`: `at_least` and `at_most` need a feature of numbers. "
                f"Received: {rule.feature}, which is text. Give `equals`, or one of "
                f"{', '.join(sorted(name for name, number in is_number.items() if number))}"
            )
