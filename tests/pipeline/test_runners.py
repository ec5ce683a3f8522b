"""Beam's arguments: they reach every step that runs on Beam, and a lossy runner is refused."""

import pytest
from tfx.dsl.compiler import compiler, placeholder_utils
from tfx.orchestration.portable import data_types
from tfx.proto.orchestration import executable_spec_pb2, pipeline_pb2

from pipeline import config as configuration
from pipeline.errors import ConfigError
from pipeline.pipeline import Places, create_pipeline

ARGUMENTS = ["--runner=FlinkRunner", "--flink_master=localhost:8081", "--parallelism=4"]


def test_the_arguments_reach_every_step_on_beam(tmp_path):
    config = configuration.load("demo", [f"beam.args={ARGUMENTS}"])
    places = Places(*(str(tmp_path / name) for name in ("root", "checkpoints", "serving", "db")))
    spec = compiler.Compiler().compile(create_pipeline(config, places, "log"))
    deployment = pipeline_pb2.IntermediateDeploymentConfig()
    spec.deployment_config.Unpack(deployment)
    on_beam = {}
    for name, packed in deployment.executor_specs.items():
        executable = executable_spec_pb2.BeamExecutableSpec()
        if packed.Is(executable.DESCRIPTOR):
            packed.Unpack(executable)
            on_beam[name] = [
                argument.value.string_value
                for argument in executable.beam_pipeline_args_placeholders
            ]
    assert set(on_beam) == {"BehaviorExampleGen", "StatisticsGen", "Transform", "Evaluator"}
    for arguments in on_beam.values():
        assert arguments[:3] == ARGUMENTS


def test_a_secret_reaches_a_step_by_its_name(tmp_path, monkeypatch):
    monkeypatch.setenv("EVERLONG_TEST_SECRET", "hunter2")
    config = configuration.load("demo", ["beam.args=['--label=x${EVERLONG_TEST_SECRET}y']"])
    places = Places(*(str(tmp_path / name) for name in ("root", "checkpoints", "serving", "db")))
    spec = compiler.Compiler().compile(create_pipeline(config, places, "log"))
    deployment = pipeline_pb2.IntermediateDeploymentConfig()
    spec.deployment_config.Unpack(deployment)
    executable = executable_spec_pb2.BeamExecutableSpec()
    deployment.executor_specs["Transform"].Unpack(executable)
    (argument,) = executable.beam_pipeline_args_placeholders
    context = placeholder_utils.ResolutionContext(exec_info=data_types.ExecutionInfo())
    resolved = placeholder_utils.resolve_placeholder_expression(argument, context)
    assert resolved == "--label=xhunter2y"
    assert b"hunter2" not in spec.SerializeToString()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--runner=DaskRunner"],
        ["--runner", "dask"],
        ["--runner=apache_beam.runners.dask.dask_runner.DaskRunner"],
    ],
)
def test_a_runner_that_loses_data_is_refused_with_the_reason(arguments):
    with pytest.raises(ConfigError, match=r"DaskRunner loses elements without an error; use the"):
        configuration.load("demo", [f"beam.args={arguments}"])
