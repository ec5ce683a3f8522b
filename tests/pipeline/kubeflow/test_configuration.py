"""The first step: what the log and the parameters change in what the others are told."""

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.behavior_example_gen.errors import LogError
from pipeline import config as configuration
from pipeline.kubeflow import configuration as step

ROWS = [f"{user},{item},1,{1000 + 100 * item + user}" for user in range(8) for item in range(12)]
COLUMNS = "{user: u, item: i, category: c, time: t}"


def write(folder, rows):
    folder.mkdir(exist_ok=True)
    (folder / "log.csv").write_text("\n".join(["u,i,c,t", *rows]) + "\n")


@pytest.fixture
def values(tmp_path):
    write(tmp_path / "log", ROWS)
    (tmp_path / "shop.yaml").write_text(
        f"name: shop\nlog: {{folder: {tmp_path}/log, files: log.csv, columns: {COLUMNS}}}\n"
        "label: {negatives: {per_positive: 1}}\n"
        f"kubeflow: {{pipeline_root: {tmp_path}/root}}\n"
    )
    config = configuration.load(str(tmp_path / "shop.yaml"))
    return config.model_dump(mode="json", exclude_unset=True)


def changed(before, after):
    assert before.keys() == after.keys()
    return {name for name in before if before[name] != after[name]}


def test_the_same_log_gives_the_same_and_a_changed_one_another_fingerprint(values, tmp_path):
    """What was taken when the pipeline was compiled made every later run a cache hit."""
    first = step.configure(values, "", {})
    assert step.configure(values, "", {}) == first
    write(tmp_path / "log", ROWS[:-1])
    assert changed(first, step.configure(values, "", {})) == {"BehaviorExampleGen_fingerprint"}


def test_parameters_reach_the_components_that_they_concern(values, tmp_path):
    first = step.configure(values, "", {})
    steps = step.configure(values, "", {"train_steps": 7.0})
    told = {"Trainer_custom_config", "EvaluationReport_config"}
    assert changed(first, steps) == told
    assert '"max_steps": 7' in steps["Trainer_custom_config"].replace('\\"', '"')
    pushed = step.configure(values, "", {"push_destination": str(tmp_path / "serving")})
    assert pushed["Pusher_destination"] == str(tmp_path / "serving")
    write(tmp_path / "other", ROWS)
    other = step.configure(values, "", {"log_folder": str(tmp_path / "other")})
    assert {"BehaviorExampleGen_fingerprint", "BehaviorExampleGen_ingest_json"} <= changed(
        first, other
    )


def test_what_lasts_is_below_the_pipelines_home(values, tmp_path):
    told = step.configure(values, "", {})
    assert told["Pusher_destination"] == f"{tmp_path}/root/shop/serving"
    assert f"{tmp_path}/root/shop/checkpoints" in told["Trainer_custom_config"]


def test_a_schema_that_travelled_is_the_schema(values):
    own = 'feature { name: "user_id" type: INT }\n'
    values["gate"] = {"slices": []}
    told = step.configure(values, own, {})
    schema = text_format.Parse(told["ImportSchemaGen_schema_text"], schema_pb2.Schema())
    assert [feature.name for feature in schema.feature] == ["user_id"]


def test_a_log_that_cannot_be_used_is_refused_at_the_start(values):
    with pytest.raises(LogError, match=r"No file matches '/nowhere/log.csv'"):
        step.configure(values, "", {"log_folder": "/nowhere"})
