"""Fits the curated schema of the raw example to a run's log."""

from __future__ import annotations

from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.behavior_example_gen.config.ingest_config import IngestConfig
from components.errors import InputError
from models import features

CURATED = Path(__file__).resolve().parents[2] / "schemas" / "behavior_example.pbtxt"

# The feature of the curated schema that stands for every configured cross feature.
_TEMPLATE = features.history_feature("NAME")


def assemble(curated: schema_pb2.Schema, ingest: IngestConfig) -> schema_pb2.Schema:
    """Returns the schema of the examples that `ingest` makes.

    Types of ids follow the log's columns; `history_behavior`, `target_oracle` and the configured
    cross features are there exactly if the log has them; histories are as long as a target needs.

    Args:
      curated: a schema of all features, `history_NAME` standing for the cross features.
      ingest: the sections that decide what the examples are.
    """
    mapping = ingest.log.mapping
    schema = schema_pb2.Schema()
    schema.CopyFrom(curated)
    by_name = {feature.name: feature for feature in schema.feature}
    absent = {_TEMPLATE}
    if mapping.behavior is None:
        absent.add(features.HISTORY_BEHAVIOR)
    if ingest.oracle is None:
        absent.add(features.TARGET_ORACLE)
    for name, column in _id_columns(ingest).items():
        by_name[name].type = schema_pb2.BYTES if column == "string" else schema_pb2.INT
    cross = []
    for name in ingest.log.features:
        feature = schema_pb2.Feature()
        feature.CopyFrom(by_name[_TEMPLATE])
        feature.name = features.history_feature(name)
        cross.append(feature)
    kept = [feature for feature in schema.feature if feature.name not in absent] + cross
    for feature in kept:
        if feature.name.startswith(features.HISTORY_PREFIX):
            feature.value_count.min = ingest.history.min_length
    del schema.feature[:]
    schema.feature.extend(kept)
    return schema


def schema_text(ingest: IngestConfig, own: str | None = None) -> str:
    """Returns the run's schema in text format, for `ImportSchemaGen`.

    Args:
      ingest: the sections that decide what the examples are.
      own: file of a schema of the user's, taken as it is instead of the curated one.

    Raises:
      InputError: if `own` is no readable schema.
    """
    if own is None:
        schema = assemble(_parse(CURATED.read_text(encoding="utf-8"), str(CURATED)), ingest)
    else:
        try:
            text = Path(own).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"`data_schema`: cannot read {own!r} ({error}). Give a TFMD schema in text format "
                f"(*.pbtxt), or null for the curated one."
            ) from None
        schema = _parse(text, own)
    return text_format.MessageToString(schema)


def _id_columns(ingest: IngestConfig) -> dict[str, str]:
    """The type, "int" or "string", of each id feature."""
    mapping = ingest.log.mapping
    types: dict[str, str] = {
        features.USER_ID: mapping.user.type,
        features.HISTORY_ITEM: mapping.item.type,
        features.TARGET_ITEM: mapping.item.type,
    }
    if mapping.category is not None:
        types[features.HISTORY_CATEGORY] = types[features.TARGET_CATEGORY] = mapping.category.type
    if mapping.behavior is not None:
        types[features.HISTORY_BEHAVIOR] = mapping.behavior.type
    return types


def _parse(text: str, path: str) -> schema_pb2.Schema:
    try:
        return text_format.Parse(text, schema_pb2.Schema())
    except text_format.ParseError as error:
        raise InputError(
            f"`data_schema`: {path!r} is not a TFMD schema in text format: {error}"
        ) from None
