"""`everlong submit` against a server that speaks Kubeflow's v2beta1 REST API."""

import http.server
import json
import re
import socket
import threading
import urllib.parse

import pytest

from pipeline.cli import main
from pipeline.kubeflow import submit
from pipeline.terminal.exit_codes import BAD_INPUT, DONE, FAILED, INTERRUPTED

STATES = ("PENDING", "RUNNING")


class Kubeflow(http.server.BaseHTTPRequestHandler):
    """Keeps what it is sent; a run is pending, running, and then ends as the server says."""

    def do_GET(self):
        path, _, query = self.path.partition("?")
        if path == "/apis/v2beta1/healthz":
            self._answer({"multi_user": False})
        elif path == "/apis/v2beta1/experiments":
            asked = json.loads(urllib.parse.parse_qs(query)["filter"][0])
            (predicate,) = asked["predicates"]
            found = [
                one for one in self.server.experiments
                if one["display_name"] == predicate["stringValue"]
            ]  # fmt: skip
            self._answer({"experiments": found, "total_size": len(found)})
        elif path == "/apis/v2beta1/recurringruns":
            asked = urllib.parse.parse_qs(query)
            (experiment,) = asked["experiment_id"]
            found = [one for one in self.server.recurring if one["experiment_id"] == experiment]
            place = int(asked.get("page_token", ["0"])[0])  # a page holds one
            more = {"next_page_token": str(place + 1)} if place + 1 < len(found) else {}
            self._answer({"recurringRuns": found[place : place + 1], **more})
        elif re.fullmatch("/apis/v2beta1/runs/r1", path):
            state = self.server.states.pop(0)
            self._answer({"run_id": "r1", "state": state})
        else:
            self._answer({"error": f"no {path}"}, 404)

    def do_POST(self):
        if self.server.refuses:
            self._answer({"error": "no token"}, 401)
            return
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        kind = self.path.rpartition("/")[2]
        self.server.sent.append((kind, body, self.headers.get("authorization")))
        if kind == "experiments":
            made = {**body, "experiment_id": f"e{len(self.server.experiments) + 1}"}
            self.server.experiments.append(made)
            self._answer(made)
        elif kind == "runs":
            self._answer({**body, "run_id": "r1"})
        else:
            number = self.server.numbers.pop(0)
            self.server.recurring.append({**body, "recurring_run_id": f"s{number}"})
            self._answer(self.server.recurring[-1])

    def do_DELETE(self):
        gone = self.path.rpartition("/")[2]
        self.server.sent.append(("deleted", gone, None))
        self.server.recurring = [
            one for one in self.server.recurring if one["recurring_run_id"] != gone
        ]
        self._answer({})

    def _answer(self, body, status=200):
        told = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_):
        """Says nothing."""


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setattr(submit, "POLL_SECONDS", 0.01)
    monkeypatch.setattr("kfp.Client._LOCAL_KFP_CONTEXT", str(tmp_path / "context.json"))
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Kubeflow)
    made.sent, made.experiments, made.refuses, made.states = [], [], False, []
    made.recurring, made.numbers = [], [1, 2, 3, 4]
    made.url = f"http://127.0.0.1:{made.server_port}"
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def command(endpoint, *arguments):
    root = "kubeflow.pipeline_root=minio://mlpipeline/everlong"
    fixed = ["submit", "--config", "simulated", "--set", root, "--endpoint", endpoint]
    return main([*fixed, *arguments])


def test_a_run_is_handed_over_with_its_parameters(server, capfd, monkeypatch):
    monkeypatch.setenv("KFP_TOKEN", "a-token")
    account = ["--set", "kubeflow.service_account=trainer", "--set", "kubeflow.image=here:1"]
    steps = "kubeflow.steps={default: {secrets: {KEY: s/k}}}"
    given = ["--parameter", "train_steps=20", "--parameter", "run_date=2026-08-31"]
    assert command(server.url, *account, "--set", steps, *given) == DONE
    assert f"run {server.url}/#/runs/details/r1" in capfd.readouterr().out
    (_, experiment, _), (kind, run, token) = server.sent
    assert (kind, token) == ("runs", "Bearer a-token")
    assert experiment["display_name"] == "simulated"
    assert run["experiment_id"] == "e1"
    assert run["service_account"] == "trainer"
    assert run["runtime_config"]["parameters"] == {"train_steps": 20, "run_date": "2026-08-31"}
    # Open-source Kubeflow reads this one, and Vertex AI that of the spec.
    assert run["runtime_config"]["pipeline_root"] == "minio://mlpipeline/everlong"
    spec = run["pipeline_spec"]["pipeline_spec"]
    assert spec["defaultPipelineRoot"] == "minio://mlpipeline/everlong"
    assert spec["pipelineInfo"]["name"] == "simulated"
    assert "kubernetes" in run["pipeline_spec"]["platform_spec"]["platforms"]


def test_a_schedule_is_a_recurring_run(server, capfd):
    schedule = ["--schedule", "0 0 4 * * *", "--max-concurrency", "2", "--no-catchup"]
    given = ["--parameter", "run_date=[[ScheduledTime]]", "--experiment", "nightly"]
    assert command(server.url, *schedule, *given) == DONE
    assert f"recurring run {server.url}/#/recurringrun/details/s1" in capfd.readouterr().out
    kind, body, _ = server.sent[1]
    assert kind == "recurringruns"
    assert server.experiments[0]["display_name"] == "nightly"
    assert body["trigger"] == {"cron_schedule": {"cron": "0 0 4 * * *"}}
    assert (body["max_concurrency"], body["no_catchup"], body["mode"]) == (2, True, "ENABLE")
    assert body["runtime_config"] == {
        "parameters": {"run_date": "[[ScheduledTime]]"},
        "pipeline_root": "minio://mlpipeline/everlong",
    }


def test_a_second_schedule_of_a_pipeline_is_refused_or_replaces_the_first(server, capfd):
    at = ["--schedule", "0 0 4 * * *"]
    assert command(server.url, *at) == DONE
    capfd.readouterr()
    assert command(server.url, *at) == BAD_INPUT
    said = capfd.readouterr().err
    assert "--schedule: 'simulated' recurs already in the experiment 'simulated'" in said
    assert f"{server.url}/#/recurringrun/details/s1" in said and "--replace" in said
    assert [one["recurring_run_id"] for one in server.recurring] == ["s1"]
    # Another experiment's, or another pipeline's in this one, is left alone.
    assert command(server.url, *at, "--experiment", "weekly") == DONE
    server.recurring.insert(0, {**server.recurring[0], "display_name": "of others"})
    server.recurring[0]["recurring_run_id"] = "s9"
    assert command(server.url, *at, "--replace") == DONE
    assert "recurring run" in capfd.readouterr().out
    assert [one["recurring_run_id"] for one in server.recurring] == ["s9", "s2", "s3"]
    # The new one is there before the old one goes.
    assert [kind for kind, _, _ in server.sent[-2:]] == ["recurringruns", "deleted"]


@pytest.mark.parametrize(
    ("state", "code"),
    [("SUCCEEDED", DONE), ("FAILED", FAILED), ("CANCELED", INTERRUPTED)],
)
def test_waiting_ends_with_the_run_and_its_state_is_the_exit_code(server, capfd, state, code):
    server.states = [*STATES, state]
    assert command(server.url, "--wait") == code
    assert f"run {state}: {server.url}" in capfd.readouterr().out
    assert server.states == []


def test_a_dry_run_hands_nothing_over(server, capfd):
    assert command(server.url, "--dry-run", "--parameter", "train_steps=2") == DONE
    said = capfd.readouterr().out
    assert "compiled; nothing was handed over" in said
    assert '{"train_steps": 2}' in said and server.url in said
    assert server.sent == []


def test_an_endpoint_that_refuses_says_what_it_wants(server, capfd):
    server.refuses = True
    assert command(server.url) == BAD_INPUT
    said = capfd.readouterr().err
    assert f"--endpoint {server.url}: Kubeflow refuses (401)" in said and "KFP_TOKEN" in said


def test_an_endpoint_that_cannot_be_reached_is_named(capfd):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert command(url) == BAD_INPUT
    said = capfd.readouterr().err
    assert f"--endpoint {url}: cannot be reached" in said and "port-forward" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--endpoint", "localhost:8080"], "--endpoint 'localhost:8080': must be an address"),
        (["--schedule", "0 4 * * *"], "Kubeflow takes six fields, seconds first, .* Received: 5"),
        (["--schedule", "0 0 4 * * *", "--wait"], "--wait: a schedule has no end to wait for"),
        (["--replace"], "--replace: is of a schedule"),
        (["--max-concurrency", "0"], "--max-concurrency 0: Kubeflow takes 1 to 10"),
        (["--parameter", "spam=1"], "--parameter spam: no such parameter"),
        (["--set", "kubeflow.pipeline_root=null"], "kubeflow.pipeline_root: must be given"),
    ],
)
def test_what_kubeflow_would_refuse_is_refused_here(capfd, arguments, words):
    assert command("http://localhost:1", *arguments) == BAD_INPUT
    assert re.search(words, capfd.readouterr().err)
