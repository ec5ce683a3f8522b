"""`everlong serve` in a process of its own: what it prints, and how it ends."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import signal
import subprocess
import sys
import threading

import pytest
import tensorflow as tf

from pipeline.cli import main
from pipeline.commands import serve
from tests.pipeline.serve.tiny import SLOW, Rest, Tiny, publish, running, wait_until

COMMAND = [sys.executable, "-m", "pipeline", "serve", "--rest-port", "0", "--grpc-port", "0"]


@contextlib.contextmanager
def serving(folder):
    """The process, and its first lines, up to the example."""
    process = subprocess.Popen(
        [*COMMAND, "--model", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        lines = []
        for line in process.stdout:
            if "so far" not in line:  # a sign of life, on a slow machine
                lines.append(line.rstrip("\n"))
            if "try: curl" in line:
                break
        yield process, lines
    finally:
        process.kill()
        process.communicate()


def test_a_termination_answers_what_was_begun(tmp_path):
    publish(tmp_path, 4)
    with serving(tmp_path) as (process, lines):
        url = re.fullmatch(r"REST (http://127\.0\.0\.1:([0-9]+)/v1/models/everlong)", lines[0])
        assert re.fullmatch(r"gRPC 127\.0\.0\.1:[0-9]+, model everlong", lines[1])
        assert lines[-1].startswith(f"version 4 of {tmp_path}; try: curl {url[1]}:predict -d ")
        port = int(url[2])
        body = json.loads(shlex.split(lines[-1])[-1])
        status, answer = Rest(port).post(body)  # the example is a request that is answered
        assert status == 200
        assert len(answer["outputs"]["probability"][0]) == 2

        found = []
        slow = body["inputs"] | {"target_item": [[SLOW, 1]]}
        client = threading.Thread(target=lambda: found.append(Rest(port).score(slow)))
        client.start()
        rest = Rest(port)
        wait_until(lambda: found or "running_requests 1" in rest.get("/metrics")[1])
        process.send_signal(signal.SIGTERM)
        client.join()
        assert found[0][0] == 200
        assert process.wait(60) == 0
        assert process.stderr.read() == ""
        with pytest.raises(ConnectionRefusedError):
            Rest(port).get("/healthz")


def test_an_interrupt_ends_with_130(tmp_path):
    publish(tmp_path, 4)
    with serving(tmp_path / "4") as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read() == ""  # nothing was lost, so nothing is said


def test_a_broken_version_alone_is_refused(tmp_path, capfd):
    (tmp_path / "saved_model.pb").write_bytes(b"no model")
    words = ["serve", "--rest-port", "0", "--grpc-port", "0", "--model", str(tmp_path)]
    assert main(words) == 2
    told = capfd.readouterr().err.splitlines()[-1]
    assert told.startswith(f"everlong: --model {tmp_path}: cannot be served: Cannot parse file")


def test_a_model_without_the_signature_of_the_example_is_served(tmp_path):
    tiny = Tiny(4)
    signature = {"serving_default": tiny.serving_default.get_concrete_function()}
    tf.saved_model.save(tiny, str(tmp_path / "4"), signature)
    with running(tmp_path) as server:
        told = serve._first_version(server, tmp_path, "http://here")
    assert told == f"version 4 of {tmp_path}, which has no signature 'score' to show"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--rest-port", "70000"], "argument --rest-port: must be 0 to 65535. Received: '70000'"),
        (["--poll-seconds", "0"], "argument --poll-seconds: must be a positive number"),
        (
            ["--rest-port", "8501", "--grpc-port", "8501"],
            "--grpc-port 8501: is --rest-port's, too; choose another",
        ),
        (
            ["--host", "nowhere.invalid", "--rest-port", "0", "--grpc-port", "0"],
            "--host nowhere.invalid: ",
        ),
        (["--name", "a/b"], "--name 'a/b': must be a name without / and :"),
        (["--model", "none"], "--model none: there is no such folder"),
    ],
)
def test_what_it_refuses_at_once(tmp_path, words, sentence, capfd):
    with contextlib.suppress(SystemExit):
        assert main(["serve", "--model", str(tmp_path), *words]) == 2
    assert sentence in capfd.readouterr().err
