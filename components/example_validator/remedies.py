"""What a user can do about an anomaly."""

from __future__ import annotations

from tensorflow_metadata.proto.v0 import anomalies_pb2

from components.log_keys import log_key
from models import features

_Type = anomalies_pb2.AnomalyInfo.Type

# Of what no model reads.
_OTHER_KEYS = {features.LABEL: "label"}
_ABSENT = {
    _Type.SCHEMA_MISSING_COLUMN,
    _Type.FEATURE_TYPE_NOT_PRESENT,
    _Type.FEATURE_TYPE_NO_VALUES,
    _Type.FEATURE_TYPE_LOW_FRACTION_PRESENT,
    _Type.FEATURE_TYPE_LOW_NUMBER_PRESENT,
    _Type.FEATURE_TYPE_LOW_NUMBER_VALUES,
    _Type.INVALID_FEATURE_SHAPE,
}


def remedy(feature: str, reason: int) -> str:
    """The way out of an anomaly of `feature`; `reason` is an `AnomalyInfo.Type`."""
    key = _OTHER_KEYS.get(feature) or log_key(feature)
    if key is None:
        return "Check `data_schema` against the format of the examples in docs/architecture.md."
    if reason in _ABSENT:
        return f"Check that `{key}` names a column with a value in every row."
    if reason == _Type.UNEXPECTED_DATA_TYPE:
        return f"Set `{key}` to the type of its column, or mend `data_schema`."
    return (
        f"Mend or filter (`log.where`) the rows behind `{key}`, or widen the feature in a schema "
        f"of your own (`data_schema`)."
    )
