"""Executor of ExampleValidator."""

from __future__ import annotations

import os
from typing import Any

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx import types
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils, writer_utils

from components.errors import InputError
from components.example_validator.remedies import remedy
from models import features

# Splits of BehaviorExampleGen and the schema's environment that each must satisfy.
ENVIRONMENTS = {
    "train": "TRAINING",
    "validation": "TRAINING",
    "eval": "EVALUATION",
    features.ITEMS: "ITEMS",
}
FILE_NAME = "SchemaDiff.pb"


class AnomaliesError(InputError):
    """The examples contradict the schema."""


class Executor(base_executor.BaseExecutor):
    """Writes the anomalies of every split as TFX's executor does, then fails if there are any."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Validates each split.

        Raises:
          AnomaliesError: naming every split and feature at fault, the reason and the way out.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        statistics = artifact_utils.get_single_instance(input_dict["statistics"])
        anomalies = artifact_utils.get_single_instance(output_dict["anomalies"])
        schema = io_utils.SchemaReader().read(
            io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(input_dict["schema"]))
        )
        splits = artifact_utils.decode_split_names(statistics.split_names)
        anomalies.split_names = statistics.split_names
        anomalies.span = statistics.span
        lines = []
        for split in splits:
            found = tfdv.validate_statistics(
                stats_artifact_utils.load_statistics(statistics, split).proto(),
                schema,
                environment=ENVIRONMENTS.get(split),
            )
            folder = artifact_utils.get_split_uri([anomalies], split)
            writer_utils.write_anomalies(os.path.join(folder, FILE_NAME), found)
            lines += describe(found, split)
        anomalies.set_json_value_custom_property("blessed", dict.fromkeys(splits, int(not lines)))
        if lines:
            raise AnomaliesError("\n".join(["The examples contradict the schema:", *lines]))


def describe(anomalies: anomalies_pb2.Anomalies, split: str) -> list[str]:
    """One line for each anomaly of a split: where, what, and the way out."""
    lines = []
    for feature, info in sorted(anomalies.anomaly_info.items()):
        for reason in info.reason:
            text = reason.description.rstrip(".")
            lines.append(f"  {split}: `{feature}`: {text}. {remedy(feature, reason.type)}")
    if anomalies.data_missing:
        lines.append(
            f"  {split}: there is no example. Check `split` and the counts of dropped rows."
        )
    for reason in anomalies.dataset_anomaly_info.reason:
        lines.append(f"  {split}: all examples: {reason.description.rstrip('.')}.")
    return lines
