"""The schema of a configuration's examples, and what it must allow."""

from __future__ import annotations

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.evaluator import slice_check
from components.schema.assemble import schema_text
from pipeline.config import Config


def checked_schema(config: Config) -> str:
    """Text of the schema of the examples, which have all that the gate slices by.

    Raises:
      InputError: naming the slices that they lack, and those that there are.
    """
    text = schema_text(config.ingest, config.data_schema)
    slice_check.check(config.gate, text_format.Parse(text, schema_pb2.Schema()), config.features)
    return text
