"""ExampleValidator on real statistics: writes what TFX writes, and stops where TFX goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tfx.types import artifact_utils, channel_utils, standard_artifacts

from components.example_validator.component import ExampleValidator
from components.example_validator.executor import AnomaliesError, Executor, describe
from components.example_validator.remedies import remedy
from components.schema import assemble
from tests.components import raw_examples
from tests.components.schema.test_assemble import ingest
from tests.components.statistics import statistics

SPLITS = {"train": 3, "validation": 3, "eval": 1}


def run(folder, spoil=lambda data: None):
    """Runs the executor on three splits, the last spoiled, and returns the anomalies artifact."""
    statistics_artifact = standard_artifacts.ExampleStatistics()
    statistics_artifact.uri = str(folder / "statistics")
    statistics_artifact.split_names = artifact_utils.encode_split_names(list(SPLITS))
    for split, targets in SPLITS.items():
        data = raw_examples.columns(30, targets, split=split)
        if split == "eval":
            spoil(data)
        path = folder / "statistics" / f"Split-{split}"
        path.mkdir(parents=True)
        (path / "FeatureStats.pb").write_bytes(statistics(data).SerializeToString())
    schema = standard_artifacts.Schema()
    schema.uri = str(folder / "schema")
    Path(schema.uri).mkdir()
    Path(schema.uri, "schema.pbtxt").write_text(assemble.schema_text(ingest()))
    anomalies = standard_artifacts.ExampleAnomalies()
    anomalies.uri = str(folder / "anomalies")
    Executor().Do(
        {"statistics": [statistics_artifact], "schema": [schema]}, {"anomalies": [anomalies]}, {}
    )
    return anomalies


def test_good_examples_pass(tmp_path):
    anomalies = run(tmp_path)
    assert artifact_utils.decode_split_names(anomalies.split_names) == list(SPLITS)
    for split in SPLITS:
        path = tmp_path / "anomalies" / f"Split-{split}" / "SchemaDiff.pb"
        assert not anomalies_pb2.Anomalies.FromString(path.read_bytes()).anomaly_info


def test_an_anomaly_stops_the_run_naming_split_feature_reason_and_way_out(tmp_path):
    def spoil(data):
        data["history_time"][3] = [-7, 1]
        del data["label"]

    with pytest.raises(AnomaliesError) as error:
        run(tmp_path, spoil)
    lines = str(error.value).splitlines()[1:]
    assert len(lines) == 2
    assert "eval: `history_time`" in lines[0]
    assert "-7" in lines[0]
    assert "`log.columns.time`" in lines[0]
    assert "eval: `label`" in lines[1]
    assert "missing" in lines[1]
    # What was found stays on disk, for those who want to look closer.
    path = tmp_path / "anomalies" / "Split-eval" / "SchemaDiff.pb"
    found = anomalies_pb2.Anomalies.FromString(path.read_bytes())
    assert set(found.anomaly_info) == {"history_time", "label"}


def test_every_curated_feature_has_a_way_out():
    curated = text_format.Parse(assemble.CURATED.read_text(), schema_pb2.Schema())
    reasons = anomalies_pb2.AnomalyInfo.Type.values()
    for feature in curated.feature:
        assert all(remedy(feature.name, reason).endswith(".") for reason in reasons)
    for feature, key in {
        "history_dwell": "features.dwell",
        "target_tab": "features.tab",
        "user_city": "features.city",
        "item_tags_length": "features.tags",
        "item_id": "log.columns.item",
        "target_oracle": "log.columns.oracle",
    }.items():
        assert f"`{key}`" in remedy(feature, 0)


def test_the_component_knows_its_code_so_that_an_edit_misses_the_cache():
    component = ExampleValidator(
        statistics=channel_utils.as_channel([standard_artifacts.ExampleStatistics()]),
        schema=channel_utils.as_channel([standard_artifacts.Schema()]),
        code="digest",
    )
    assert component.exec_properties == {"code": "digest"}
    assert component.id == "ExampleValidator"
    assert component.executor_spec.executor_class is Executor


def test_an_empty_split_is_an_anomaly():
    schema = text_format.Parse(assemble.CURATED.read_text(), schema_pb2.Schema())
    found = tfdv.validate_statistics(statistics({"label": []}), schema)
    assert describe(found, "eval") == [
        "  eval: there is no example. Check `split` and the counts of dropped rows."
    ]
