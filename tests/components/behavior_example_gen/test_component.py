"""BehaviorExampleGen as a node: run by TFX with ML Metadata, read by StatisticsGen, compiled."""

import json

import yaml
from tfx import v1 as tfx
from tfx.orchestration import metadata

from components.behavior_example_gen.check import fingerprint
from components.behavior_example_gen.component import BehaviorExampleGen

from . import runs


def _node(name, code="1"):
    config = runs.shipped(name)
    return BehaviorExampleGen(config.model_dump_json(), fingerprint(config), code)


def _pipeline(folder, nodes):
    return tfx.dsl.Pipeline(
        pipeline_name="ingest",
        pipeline_root=str(folder / "root"),
        components=nodes,
        enable_cache=True,
        metadata_connection_config=metadata.sqlite_metadata_connection_config(
            str(folder / "metadata.sqlite")
        ),
    )


def test_runs_is_cached_and_feeds_statistics(tmp_path):
    node = _node("kuairand")
    statistics = tfx.components.StatisticsGen(examples=node.outputs["examples"])
    for nodes in ([node, statistics], [_node("kuairand")], [_node("kuairand", code="2")]):
        tfx.orchestration.LocalDagRunner().run(_pipeline(tmp_path, nodes))
    written = tmp_path / "root" / "BehaviorExampleGen" / "examples"
    assert len(list(written.iterdir())) == 2  # the second run was cached, the third is new code
    for folder in written.iterdir():
        assert json.loads((folder / "counts.json").read_text())["rows"] == 36
    for folder in (tmp_path / "root" / "StatisticsGen" / "statistics").iterdir():
        splits = {path.name for path in folder.iterdir()}
        assert splits == {"Split-train", "Split-validation", "Split-eval", "Split-items"}


def test_beam_arguments_reach_the_component():
    node = _node("taobao").with_beam_pipeline_args(["--direct_num_workers=1"])
    assert node.executor_spec.beam_pipeline_args == ["--direct_num_workers=1"]


def test_compiles_for_kubeflow(tmp_path):
    kubeflow = tfx.orchestration.experimental
    config = kubeflow.KubeflowV2DagRunnerConfig(default_image="image:1")
    pipeline = tfx.dsl.Pipeline(
        pipeline_name="ingest", pipeline_root="gs://bucket/root", components=[_node("tmall")]
    )
    out = tmp_path / "pipeline.yaml"
    kubeflow.KubeflowV2DagRunner(config=config, output_filename=str(out)).run(pipeline)
    spec = yaml.safe_load(out.read_text())
    text = json.dumps(spec)
    assert "components.behavior_example_gen.executor.Executor" in text
    assert "ingest_json" in text
