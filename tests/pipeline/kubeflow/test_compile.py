"""The compiled pipeline, read back by kfp's own protocol buffers and client."""

import itertools
import json
from pathlib import Path

import pytest
from google.protobuf import json_format
from kfp.client import client as kfp_client
from kfp.pipeline_spec import pipeline_spec_pb2

from pipeline import __version__
from pipeline import config as configuration
from pipeline.cli import main
from pipeline.config import SHIPPED
from pipeline.kubeflow.compile import documents
from pipeline.kubeflow_config import StepConfig, StepName
from pipeline.terminal.exit_codes import BAD_INPUT, DONE

ROOT = "kubeflow.pipeline_root=gs://bucket/e"


@pytest.fixture(scope="module")
def spec():
    (document,) = documents(configuration.load("demo", [ROOT, "kubeflow.image=here:1"]))
    return json_format.ParseDict(document, pipeline_spec_pb2.PipelineSpec())


def test_the_command_writes_a_file_that_kfps_client_reads(tmp_path: Path) -> None:
    out = tmp_path / "pipeline.yaml"
    settings = "kubeflow.steps={Trainer: {volumes: {/data: claim}}}"
    command = ["compile", "--config", "demo", "--engine", "kubeflow", "--out", str(out)]
    assert main([*command, "--set", ROOT, "--set", settings]) == DONE
    read = kfp_client._extract_pipeline_yaml(str(out))
    assert read.pipeline_spec.pipeline_info.name == "demo"
    (mount,) = read.platform_spec.platforms["kubernetes"].deployment_spec.executors[
        "Trainer_executor"
    ]["pvcMount"]
    assert mount["constant"] == "claim"
    # What a step reads must be in the spec or on the cluster, never on the machine that compiled.
    assert str(Path(configuration.__file__).parents[1]) not in out.read_text()


def test_the_tasks_are_containers_of_one_image_and_none_a_resolver(spec):
    assert set(spec.root.dag.tasks) == {
        "Configuration", "BehaviorExampleGen", "StatisticsGen", "ImportSchemaGen",
        "ExampleValidator", "Transform", "Trainer", "Predecessors", "Evaluator",
        "EvaluationReport", "Pusher",
    }  # fmt: skip
    executors = json_format.MessageToDict(spec.deployment_spec)["executors"]
    assert {next(iter(executor)) for executor in executors.values()} == {"container"}
    assert {executor["container"]["image"] for executor in executors.values()} == {"here:1"}
    commands = {tuple(executor["container"]["command"]) for executor in executors.values()}
    assert commands == {("python", "-m", "pipeline.kubeflow.step")}
    assert all("{{$}}" in executor["container"]["args"] for executor in executors.values())


def test_settings_name_every_task(spec):
    assert {*spec.root.dag.tasks, "default"} == set(StepName.__args__)


def test_the_cache_is_asked_by_all_but_the_steps_that_look_things_up(spec):
    tasks = spec.root.dag.tasks
    uncached = {name for name in tasks if not tasks[name].caching_options.enable_cache}
    assert uncached == {"Configuration", "Predecessors"}


def test_every_input_comes_from_a_task_that_ends_before(spec):
    """Kubeflow orders tasks by `dependentTasks` alone, and refuses an input without a source."""
    for name, task in spec.root.dag.tasks.items():
        before = set(task.dependent_tasks)
        declared = spec.components[task.component_ref.name].input_definitions
        assert set(task.inputs.artifacts) == set(declared.artifacts)
        assert set(task.inputs.parameters) == set(declared.parameters)
        for given in task.inputs.artifacts.values():
            source = given.task_output_artifact
            made = spec.components[source.producer_task].output_definitions.artifacts
            assert source.producer_task in before and source.output_artifact_key in made
        for given in task.inputs.parameters.values():
            if given.HasField("task_output_parameter"):
                source = given.task_output_parameter
                made = spec.components[source.producer_task].output_definitions.parameters
                assert source.producer_task in before and source.output_parameter_key in made
            else:
                assert name == "Configuration"
    assert "ExampleValidator" in spec.root.dag.tasks["Transform"].dependent_tasks


def test_parameters_of_a_run_have_defaults(spec):
    text, whole = pipeline_spec_pb2.ParameterType.STRING, pipeline_spec_pb2.ParameterType
    declared = spec.root.input_definitions.parameters
    kinds = {name: parameter.parameter_type for name, parameter in declared.items()}
    assert kinds == {
        "log_folder": text,
        "run_date": text,
        "push_destination": text,
        "train_steps": whole.NUMBER_INTEGER,
        "config_overrides": text,
    }
    assert all(parameter.HasField("default_value") for parameter in declared.values())


def test_the_root_is_the_default_of_the_pipeline(spec):
    assert spec.default_pipeline_root == "gs://bucket/e"


@pytest.mark.parametrize("name", sorted(path.stem for path in SHIPPED.glob("*.yaml")))
def test_every_shipped_configuration_compiles(name):
    (document,) = documents(configuration.load(name, [ROOT]))
    assert document["pipelineInfo"]["name"] == name.replace("_", "-")


def test_settings_reach_the_container_the_task_and_kubernetes():
    config = configuration.load("demo", [ROOT, "beam.args=['--label=${TOKEN}']"])
    steps = {
        "default": StepConfig(secrets={"TOKEN": "cluster/token"}, retries=2),
        "Trainer": StepConfig(image="gpu:1", gpu=1, env={"LEVEL": "3"}, timeout=60),
    }
    kubeflow = config.kubeflow.model_copy(update={"steps": steps})
    written, platform = documents(config.model_copy(update={"kubeflow": kubeflow}))
    executors = written["deploymentSpec"]["executors"]
    trainer = executors["Trainer_executor"]["container"]
    assert (trainer["image"], trainer["env"]) == ("gpu:1", [{"name": "LEVEL", "value": "3"}])
    assert trainer["resources"]["accelerator"]["resourceType"] == "nvidia.com/gpu"
    assert executors["Transform_executor"]["container"]["image"] == f"everlong:{__version__}"
    retried = {
        task["retryPolicy"]["maxRetryCount"] for task in written["root"]["dag"]["tasks"].values()
    }
    assert retried == {2}
    kubernetes = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert set(kubernetes) == set(executors)
    assert kubernetes["Trainer_executor"]["activeDeadlineSeconds"] == "60"
    assert kubernetes["Pusher_executor"]["secretAsEnv"][0]["secretName"] == "cluster"
    # A reference, which the step itself resolves.
    assert "--beam=--label=${TOKEN}" in executors["Transform_executor"]["container"]["args"]


def test_a_schema_of_ones_own_travels_in_the_pipeline(tmp_path):
    own = tmp_path / "mine.pbtxt"
    own.write_text('feature { name: "user_id" type: INT }\n')
    (document,) = documents(
        configuration.load("demo", [ROOT, f"data_schema={own}", "gate.slices=[]"])
    )
    given = document["root"]["dag"]["tasks"]["Configuration"]["inputs"]["parameters"]
    assert given["data_schema"]["runtimeValue"]["constant"] == own.read_text()


def test_no_argument_or_constant_is_a_template_of_argo():
    (document,) = documents(configuration.load("kuairand", [ROOT]))
    texts = [json.dumps(document)]
    executors = document["deploymentSpec"]["executors"].values()
    words = itertools.chain.from_iterable(e["container"]["args"] for e in executors)
    assert {word for word in words if "{{" in word} == {"{{$}}"}
    assert texts[0].replace("{{$}}", "").count("{{") == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "pipeline.yaml"], "kubeflow.pipeline_root"),
        (["--out", "pipeline.txt", "--set", "kubeflow.pipeline_root=gs://b"], "must end in .yaml"),
        (["--out", "no/folder/p.yaml", "--set", ROOT], "there is no folder"),
    ],
)
def test_what_is_missing_is_named(capsys, arguments: list[str], words: str) -> None:
    code = main(["compile", "--config", "demo", "--engine", "kubeflow", *arguments])
    assert code == BAD_INPUT
    assert words in capsys.readouterr().err
