"""A step's command, with what Vertex AI and what open-source Kubeflow hand it."""

import json
from pathlib import Path

import pytest

from pipeline.kubeflow import step, storage
from pipeline.terminal.exit_codes import BAD_INPUT, DONE

TYPED = {"instanceSchema": "title: tfx.ModelBlessing\ntype: object\n"}
UNTYPED = {"instanceSchema": ""}  # what open-source Kubeflow hands on (tfx#7768)
REPORT = {"instanceSchema": "title: everlong.EvaluationReport\ntype: object\n"}
LOGS = {"schemaTitle": "system.Artifact"}  # the launcher's own output, where it publishes logs


@pytest.fixture
def mounts(tmp_path, monkeypatch):
    """Buckets below a folder of the test's, instead of / itself."""
    found = {scheme: f"{tmp_path}/{scheme[:-3]}/" for scheme in ("gs://", "s3://", "minio://")}
    monkeypatch.setattr(storage, "_MOUNTS", found)
    monkeypatch.setattr(storage, "_LAUNCHER", str(tmp_path / "no-launcher"))
    return tmp_path


def given(root: str, output_file: Path, kind: dict = UNTYPED, **parameters) -> dict:
    return {
        "inputs": {
            "parameterValues": {"number": 3.0, "text": "t", **parameters},
            "artifacts": {
                "blessing": {
                    "artifacts": [
                        {
                            "name": "17",
                            "uri": f"{root}/one/blessing",
                            "type": kind,
                            "metadata": {"blessed": 1.0, "store_session_info": "{}"},
                        }
                    ]
                }
            },
        },
        "outputs": {
            "artifacts": {
                "report": {"artifacts": [{"uri": f"{root}/two/report", "type": REPORT}]},
                "executor-logs": {
                    "artifacts": [{"uri": f"{root}/two/executor-logs", "type": LOGS}]
                },
            },
            "outputFile": str(output_file),
        },
    }


def run(executor_input: dict, home: str) -> int:
    component = "tests.pipeline.kubeflow.toy.Toy"
    words = ["Toy", "--executor_input", json.dumps(executor_input), "--home", home]
    return step.main([*words, "--component", component])


@pytest.mark.parametrize("kind", [TYPED, UNTYPED, {}], ids=["vertex", "open source", "none"])
def test_artifacts_have_the_types_of_the_component(tmp_path, mounts, kind):
    root = f"{tmp_path}/volume"
    output_file = tmp_path / "task" / "executor_output.json"
    assert run(given(root, output_file, kind), root) == DONE
    told = json.loads(Path(root, "two/report/told.json").read_text())
    assert told["inputs"] == {"blessing": [["ModelBlessing", f"{root}/one/blessing", 1]]}
    assert told["properties"] == {"number": 3, "text": "t"}
    made = json.loads(output_file.read_text())["artifacts"]
    assert set(made) == {"report"}
    assert made["report"]["artifacts"][0]["uri"] == f"{root}/two/report"


@pytest.mark.parametrize("scheme", ["minio", "s3", "gs"])
def test_uris_are_read_where_they_are_mounted_and_told_as_they_were(tmp_path, mounts, scheme):
    (tmp_path / scheme / "bucket").mkdir(parents=True)
    root = f"{scheme}://bucket/runs"
    output_file = tmp_path / scheme / "bucket" / "runs" / "two" / "output_metadata.json"
    assert run(given(root, output_file), root) == DONE
    there = f"{tmp_path}/{scheme}/bucket/runs"
    told = json.loads(Path(there, "two/report/told.json").read_text())
    assert told["inputs"]["blessing"] == [["ModelBlessing", f"{there}/one/blessing", 1]]
    (report,) = json.loads(output_file.read_text())["artifacts"]["report"]["artifacts"]
    assert report["uri"] == f"{root}/two/report"
    assert report["metadata"]["place"] == f"{root}/two/report"
    assert not Path(there, "two/executor-logs").exists()


@pytest.mark.parametrize("named", [True, False])
def test_what_predecessors_names_is_an_input(tmp_path, mounts, named):
    root = f"{tmp_path}/volume"
    earlier = {"uri": f"{root}/earlier/model", "metadata": {"blessed": 1}}
    parameter = json.dumps(earlier) if named else ""
    assert run(given(root, tmp_path / "o.json", baseline_model=parameter), root) == DONE
    told = json.loads(Path(root, "two/report/told.json").read_text())
    assert told["inputs"].get("baseline_model") == (
        [["Model", f"{root}/earlier/model", 1]] if named else None
    )
    assert "baseline_model" not in told["properties"]


def test_a_step_that_refuses_its_input_says_so_in_a_sentence(tmp_path, capsys):
    values = {"config": json.dumps({"name": "d"}), "data_schema": ""}
    executor_input = {
        "inputs": {"parameterValues": {**values, "config_overrides": "lable.column=x"}},
        "outputs": {"outputFile": str(tmp_path / "o.json")},
    }
    words = ["Configuration", "--executor_input", json.dumps(executor_input), "--home", "/h"]
    assert step.main(words) == BAD_INPUT
    said = capsys.readouterr().err
    assert said.startswith("everlong: Configuration: ") and "Traceback" not in said
    assert not (tmp_path / "o.json").exists()
