"""Fits the curated schema of the raw example to a run's log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.behavior_example_gen.config.ingest_config import IngestConfig
from components.errors import InputError
from models import features
from models.feature_config import IdsFeature

CURATED = Path(__file__).resolve().parents[2] / "schemas" / "behavior_example.pbtxt"

_TEMPLATE = "NAME_"  # begins what stands for all configured features of a type
_ITEMS = "ITEMS"
_OF_USERS = ("TRAINING", "EVALUATION", "SERVING")
_IN_ITEMS = {features.ITEM_ID, features.ITEM_COUNT}


def assemble(curated: schema_pb2.Schema, ingest: IngestConfig) -> schema_pb2.Schema:
    """Returns the schema of the examples that `ingest` makes.

    Types of ids follow the log's columns; `history_behavior`, `target_oracle` and the configured
    features are there exactly if the log has them, and the environment of items, if a feature is of
    items; histories are as long as a target needs.

    Args:
      curated: a schema of all features, `NAME_<type>` standing for the configured ones.
      ingest: the sections that decide what the examples are.
    """
    mapping = ingest.log.mapping
    schema = schema_pb2.Schema()
    schema.CopyFrom(curated)
    by_name = {feature.name: feature for feature in schema.feature}
    absent = {name for name in by_name if name.startswith(_TEMPLATE)}
    if mapping.behavior is None:
        absent.add(features.HISTORY_BEHAVIOR)
    if ingest.oracle is None:
        absent.add(features.TARGET_ORACLE)
    if ingest.weight is None:
        absent.add(features.TARGET_WEIGHT)
    if not ingest.has_items:
        absent |= _IN_ITEMS
    for name, column in _id_columns(ingest).items():
        by_name[name].type = schema_pb2.BYTES if column == "string" else schema_pb2.INT
    kept = [feature for feature in schema.feature if feature.name not in absent]
    kept += _configured(by_name, ingest)
    for feature in kept:
        if feature.name.startswith(features.HISTORY_PREFIX):
            feature.value_count.min = ingest.history.min_length
        if feature.name.startswith(features.item_feature("")):
            feature.not_in_environment.extend(_OF_USERS)
        elif ingest.has_items and feature.name != features.USER_ID:
            feature.not_in_environment.append(_ITEMS)
    if ingest.has_items:
        schema.default_environment.append(_ITEMS)
    del schema.feature[:]
    schema.feature.extend(kept)
    return schema


def _configured(
    templates: Mapping[str, schema_pb2.Feature], ingest: IngestConfig
) -> Iterator[schema_pb2.Feature]:
    """The entries of labels and configured features; one that comes from time has none."""

    def entry(kind: str, name: str) -> schema_pb2.Feature:
        made = schema_pb2.Feature()
        made.CopyFrom(templates[_TEMPLATE + kind])
        made.name = name
        return made

    for name in ingest.labels:
        yield entry("label", features.label_feature(name))
    for name, feature in ingest.features.items():
        if feature.type == "time":
            continue
        if feature.of in ("event", "context"):
            yield entry(feature.type, features.history_feature(name))
        if feature.of == "context":
            yield entry(feature.type, features.target_feature(name))
        if feature.of == "user":
            made = entry(feature.type, features.user_feature(name))
            made.value_count.max = feature.max_values if isinstance(feature, IdsFeature) else 1
            yield made
        if feature.of == "item":
            yield entry(feature.type, features.item_feature(name))
            if feature.type == "ids":
                yield entry("ids_length", features.length_of(features.item_feature(name)))


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
            with open(own, encoding="utf-8") as file:  # a `Path` would make gs:/x of gs://x
                text = file.read()
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
        features.ITEM_ID: mapping.item.type,
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
