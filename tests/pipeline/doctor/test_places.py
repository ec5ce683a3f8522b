"""The log, the destination and the cluster, each out of reach on purpose."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.config import Config, PushConfig
from pipeline.doctor.places import kubeflow, places
from pipeline.doctor.probe import FAILED, OK, WARNING, Finding, examine


@pytest.fixture
def config(tmp_path: Path) -> Config:
    rows = [f"{n % 7},{n % 5},{n % 2},{1_600_000_000 + n},{n % 3 == 0:d}" for n in range(50)]
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("\n".join(["u,i,c,t,y", *rows]) + "\n")
    columns = {"user": "u", "item": "i", "category": "c", "time": "t"}
    log = {"folder": str(tmp_path), "files": "*.csv", "columns": columns}
    return Config(name="mine", log=log, label={"column": "y"})


def look(config: Config, output: Path) -> dict[str, Finding]:
    return {probe.what: examine(probe) for probe in places(config, output)}


def test_a_log_and_a_destination_that_serve(config: Config, tmp_path: Path):
    assert look(config, tmp_path / "runs") == {
        "log": Finding("log", OK, "the first rows of 2 files are as configured"),
        "push": Finding("push", OK, f"versions can be written to {tmp_path}/runs/serving"),
    }
    assert list((tmp_path / "runs" / "serving").iterdir()) == []


def test_a_log_that_is_not_there(config: Config, tmp_path: Path):
    (tmp_path / "a.csv").unlink()
    (tmp_path / "b.csv").unlink()
    found = look(config, tmp_path / "runs")
    assert (found["log"].state, found["push"].state) == (FAILED, OK)
    assert "No file matches" in found["log"].said
    assert "log.files" in found["log"].said


def test_a_log_of_other_columns(config: Config, tmp_path: Path):
    (tmp_path / "a.csv").write_text("user,i,c,t,y\n1,2,0,1600000000,1\n")
    found = look(config, tmp_path / "runs")["log"]
    assert found.state == FAILED
    assert "a.csv" in found.said


def test_a_destination_under_a_file(config: Config, tmp_path: Path):
    push = PushConfig(destination=str(tmp_path / "a.csv" / "models"))
    found = look(config.model_copy(update={"push": push}), tmp_path / "runs")["push"]
    assert found.state == FAILED
    assert found.said.startswith(f"push.destination: models cannot be pushed to {tmp_path}/a.csv/")


ANSWERS = {
    "healthy": (200, '{"commit_sha": "abc", "tag_name": "2.17.0", "multi_user": false}'),
    "login": (200, "<!doctype html><title>Log in</title>"),
    "guarded": (403, "RBAC: access denied"),
    "other": (404, "not found"),
}


class _Cluster(http.server.BaseHTTPRequestHandler):
    """Answers as the first part of the path says."""

    def do_GET(self) -> None:
        _, kind, path = self.path.split("/", 2)
        code, text = ANSWERS[kind]
        if self.headers["Authorization"] == "Bearer right":
            code, text = ANSWERS["healthy"]
        assert path == "apis/v2beta1/healthz"
        self.send_response(code)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Cluster) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("kind", "state", "words"),
    [
        ("healthy", OK, "version 2.17.0 answers at http://127.0.0.1:"),
        ("healthy/", OK, "version 2.17.0 answers at http://127.0.0.1:"),
        ("login", WARNING, "answers with a page, perhaps to log in; "),
        ("guarded", WARNING, "wants to know who asks (403); "),
        ("other", FAILED, "/other/apis/v2beta1/healthz answers 404"),
    ],
)
def test_what_answers_at_the_endpoint(cluster: str, kind: str, state: str, words: str):
    found = examine(kubeflow(f"{cluster}/{kind}"))
    assert found.state == state
    assert words in found.said


def test_a_token_is_shown_to_whoever_asks(cluster: str, monkeypatch):
    monkeypatch.setenv("KFP_TOKEN", "right")
    assert examine(kubeflow(f"{cluster}/guarded")).state == OK
    monkeypatch.setenv("KFP_TOKEN", "wrong")
    found = examine(kubeflow(f"{cluster}/guarded"))
    assert (found.state, "wrong" in found.said) == (WARNING, False)


def test_nobody_answers_at_the_endpoint():
    with socket.socket() as taken:  # bound, not listening: whoever connects is refused
        taken.bind(("127.0.0.1", 0))
        found = examine(kubeflow(f"http://127.0.0.1:{taken.getsockname()[1]}"))
    assert found.state == FAILED
    assert "does not answer: [Errno 111] Connection refused; " in found.said
    assert "kubectl port-forward" in found.said
