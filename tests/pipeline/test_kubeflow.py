"""The pipeline compiled for Kubeflow, read back by kfp's own protocol buffer."""

from pathlib import Path

import pytest
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from pipeline import config as configuration
from pipeline.cli import main
from pipeline.terminal.exit_codes import BAD_INPUT, DONE


def test_the_same_graph_compiles_to_a_valid_pipeline_spec(tmp_path: Path) -> None:
    out = tmp_path / "pipeline.yaml"
    overrides = ["--set", "kubeflow.pipeline_root=gs://bucket/e", "--set", "kubeflow.image=here:1"]
    code = main(
        ["compile", "--config", "demo", "--engine", "kubeflow", "--out", str(out), *overrides]
    )
    assert code == DONE
    spec = json_format.ParseDict(yaml.safe_load(out.read_text()), pipeline_spec_pb2.PipelineSpec())
    assert spec.pipeline_info.name == "demo"
    assert set(spec.root.dag.tasks) >= {
        "BehaviorExampleGen", "StatisticsGen", "ImportSchemaGen", "ExampleValidator", "Transform",
        "Trainer", "Evaluator", "EvaluationReport", "Pusher",
    }  # fmt: skip
    assert "ExampleValidator" in spec.root.dag.tasks["Transform"].dependent_tasks
    executors = json_format.MessageToDict(spec.deployment_spec)["executors"]
    images = {e["container"]["image"] for e in executors.values() if "container" in e}
    assert images == {"here:1"}
    # What a step reads must be in the spec or on the cluster, never on the machine that compiled.
    assert str(Path(configuration.__file__).parents[1]) not in out.read_text()


@pytest.mark.parametrize(("name", "derived"), [("Shop_A", "shop-a"), ("shop", "shop")])
def test_a_name_that_kubeflow_does_not_know_is_derived(
    tmp_path: Path, name: str, derived: str
) -> None:
    out = tmp_path / "pipeline.yaml"
    overrides = ["--set", "kubeflow.pipeline_root=gs://bucket/e", "--set", f"name={name}"]
    code = main(
        ["compile", "--config", "demo", "--engine", "kubeflow", "--out", str(out), *overrides]
    )
    assert code == DONE
    assert yaml.safe_load(out.read_text())["pipelineInfo"]["name"] == derived


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "pipeline.yaml"], "kubeflow.pipeline_root"),
        (["--out", "pipeline.txt", "--set", "kubeflow.pipeline_root=gs://b"], "must end in .yaml"),
    ],
)
def test_what_is_missing_is_named(capsys, arguments: list[str], words: str) -> None:
    code = main(["compile", "--config", "demo", "--engine", "kubeflow", *arguments])
    assert code == BAD_INPUT
    assert words in capsys.readouterr().err
