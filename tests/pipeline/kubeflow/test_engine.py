"""The local engine on tasks of a shell's: order, cache, parameters, faults."""

import io
import json
import shutil
import textwrap

import pytest

from components.errors import InputError
from pipeline.kubeflow.engine import Engine, StepFailed
from pipeline.terminal.console import Terminal

TYPE = {"instanceSchema": "title: tfx.Model\ntype: object\n"}
# Adds to a list of what ran, keeps what it was given, and gives `value` and `model`.
PROGRAM = textwrap.dedent("""
    import json, os, sys
    given = json.loads(sys.argv[2])
    open(os.environ["RAN"], "a").write(sys.argv[1] + " ")
    fault = given["inputs"]["parameterValues"].get("fault")
    if fault == "refuse":
        print("noise"); print("everlong: " + sys.argv[1] + ": `log.files`: no file"); sys.exit(2)
    ran = open(os.environ["RAN"]).read().split().count(sys.argv[1])
    if fault and ran <= int(given["inputs"]["parameterValues"].get("times", 9)):
        raise ValueError("shapes differ")
    values = {"value": given["inputs"]["parameterValues"]["text"] + "!"}
    artifacts = {"model": {"artifacts": [{"metadata": {"n": 1, "told": sys.argv[2]}}]}}
    os.makedirs(given["outputs"]["artifacts"]["model"]["artifacts"][0]["uri"])
    open(given["outputs"]["outputFile"], "w").write(
        json.dumps({"parameterValues": values, "artifacts": artifacts}))
""")


def task(name, before=None, cached=True, **parameters):
    source = {"producerTask": before, "outputArtifactKey": "model"}
    return {
        "taskInfo": {"name": name},
        "componentRef": {"name": name},
        "dependentTasks": [before] if before else [],
        "cachingOptions": {"enableCache": cached},
        "inputs": {
            "parameters": parameters,
            "artifacts": {"model": {"taskOutputArtifact": source}} if before else {},
        },
    }


def documents(tmp_path, second_cached=True, retries=0):
    first = task("B", text={"componentInputParameter": "word"})
    value = {"taskOutputParameter": {"producerTask": "B", "outputParameterKey": "value"}}
    fault = {"componentInputParameter": "fault"}
    times = {"componentInputParameter": "times"}
    second = task("A", "B", second_cached, text=value, fault=fault, times=times)
    second["retryPolicy"] = {"maxRetryCount": retries}
    outputs = {
        "parameters": {"value": {"parameterType": "STRING"}},
        "artifacts": {"model": {"artifactType": TYPE}},
    }
    container = {
        "image": "i:1",
        "command": ["python", "-c", PROGRAM],
        "env": [{"name": "RAN", "value": str(tmp_path / "ran")}],
    }
    declared = {"parameterType": "STRING", "defaultValue": "x"}
    nothing = {"parameterType": "STRING", "defaultValue": ""}
    always = {"parameterType": "STRING", "defaultValue": "9"}
    return [
        {
            "pipelineInfo": {"name": "p"},
            "defaultPipelineRoot": str(tmp_path / "root"),
            "root": {
                "inputDefinitions": {
                    "parameters": {"word": declared, "fault": nothing, "times": always}
                },
                "dag": {"tasks": {"A": second, "B": first}},
            },
            "components": {
                name: {"executorLabel": f"exec-{name}", "outputDefinitions": outputs}
                for name in "AB"
            },
            "deploymentSpec": {
                "executors": {
                    f"exec-{name}": {"container": {**container, "args": [name, "{{$}}"]}}
                    for name in "AB"
                }
            },
        }
    ]


def run(tmp_path, parameters=None, said=None, **how):
    (tmp_path / "ran").write_text("")
    engine = Engine(documents(tmp_path, **how), tmp_path, Terminal(said or io.StringIO()))
    done = engine.run(parameters or {})
    return done, (tmp_path / "ran").read_text().split()


def test_tasks_run_in_order_and_hand_on_what_they_give(tmp_path):
    done, ran = run(tmp_path)
    assert ran == ["B", "A"]
    assert done.made["A"]["parameters"] == {"value": "x!!"}
    told = json.loads(done.made["A"]["artifacts"]["model"]["metadata"]["told"])
    (given,) = told["inputs"]["artifacts"]["model"]["artifacts"]
    first = done.made["B"]["artifacts"]["model"]
    # As open-source Kubeflow hands on an artifact: by its id, and without a type.
    assert given == {**first, "type": {"instanceSchema": ""}}
    (made,) = told["outputs"]["artifacts"]["model"]["artifacts"]
    assert made["type"] == TYPE
    assert made["uri"].startswith(f"{tmp_path}/root/p/")
    assert done.made["A"]["artifacts"]["model"]["uri"] == made["uri"]


def test_what_did_not_change_is_taken_from_the_cache(tmp_path):
    run(tmp_path)
    done, ran = run(tmp_path)
    assert (ran, done.cached) == ([], ["B", "A"])
    assert done.made["A"]["parameters"] == {"value": "x!!"}


def test_what_is_gone_is_made_again(tmp_path):
    done, _ = run(tmp_path)
    shutil.rmtree(done.made["A"]["artifacts"]["model"]["uri"])
    done, ran = run(tmp_path)
    assert (ran, done.cached) == (["A"], ["B"])


def test_a_changed_parameter_runs_what_it_reaches(tmp_path):
    run(tmp_path)
    done, ran = run(tmp_path, {"word": "y"})
    assert (ran, done.cached) == (["B", "A"], [])
    assert done.made["A"]["parameters"] == {"value": "y!!"}


def test_a_task_without_a_cache_always_runs(tmp_path):
    run(tmp_path, second_cached=False)
    done, ran = run(tmp_path, second_cached=False)
    assert (ran, done.cached) == (["A"], ["B"])


def test_a_failed_step_tells_its_error_and_what_was_done_is_kept(tmp_path):
    with pytest.raises(StepFailed, match=r"^A failed: ValueError: shapes differ \(log: .*A.txt\)$"):
        run(tmp_path, {"fault": "raise"})
    assert run(tmp_path)[1] == ["A"]


def test_a_step_that_refuses_its_input_is_quoted(tmp_path):
    with pytest.raises(InputError, match=r"^A: `log.files`: no file \(log: .*A.txt\)$"):
        run(tmp_path, {"fault": "refuse"})


def test_a_failed_step_is_tried_again_as_often_as_it_may(tmp_path):
    said = io.StringIO()
    done, ran = run(tmp_path, {"fault": "raise", "times": "2"}, said, retries=2)
    assert ran == ["B", "A", "A", "A"]
    assert done.made["A"]["parameters"] == {"value": "x!!"}
    assert "A failed: ValueError: shapes differ" in said.getvalue()
    assert "retry 1 of 2" in said.getvalue() and "retry 2 of 2" in said.getvalue()
    with pytest.raises(StepFailed, match=r"A-1.txt\)$"):
        run(tmp_path, {"fault": "raise"}, retries=1)


def test_refused_input_is_not_tried_again(tmp_path):
    with pytest.raises(InputError):
        run(tmp_path, {"fault": "refuse"}, retries=2)
    assert (tmp_path / "ran").read_text().split() == ["B", "A"]
