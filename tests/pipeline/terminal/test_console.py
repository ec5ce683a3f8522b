import io
import logging
import os
import subprocess
import sys
import time

from components.behavior_example_gen import check
from components.behavior_example_gen.beam import progress
from pipeline.config import load
from pipeline.run.progress import Progress
from pipeline.terminal import console, log_check
from pipeline.terminal.console import Terminal

QUIET = """
import ctypes, logging, sys
from pathlib import Path
from pipeline.terminal.console import quiet
with quiet(Path(sys.argv[1])) as terminal:
    print("python noise")
    ctypes.CDLL(None).puts(b"native noise")
    ctypes.CDLL(None).fflush(None)
    logging.getLogger("everlong").info("epoch 1")
    terminal.line("visible")
print("after")
"""


def test_noise_of_python_and_of_native_code_goes_to_the_log_alone(tmp_path):
    log = tmp_path / "below" / "log.txt"
    done = subprocess.run(
        [sys.executable, "-c", QUIET, str(log)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "      epoch 1\nvisible\nafter\n"
    assert done.stderr == ""
    written = log.read_text()
    assert "python noise" in written
    assert "native noise" in written
    assert "epoch 1" in written


def test_what_is_going_on_may_change(monkeypatch):
    monkeypatch.setattr(console, "HEARTBEAT_SECONDS", 0.01)
    stream, said = io.StringIO(), iter(["10 rows", *["20 rows"] * 10_000])
    with Terminal(stream).running(lambda: next(said)):
        while "20 rows" not in stream.getvalue():
            time.sleep(0.005)
    first, second, *_ = stream.getvalue().splitlines()
    assert first.startswith("10 rows … ")
    assert second.startswith("20 rows … ")


def test_the_check_of_a_log_tells_how_many_files_it_has_read(monkeypatch):
    done, stream = {}, io.StringIO()

    def check_log(_):
        for heads, words in ((0, "checking the log … "), (1234, "1,234 of 5,000 files … ")):
            done.update({"checked": heads, "files": 5000} if heads else {})
            while words not in stream.getvalue():
                time.sleep(0.005)

    monkeypatch.setattr(console, "HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(check, "check_log", check_log)
    monkeypatch.setattr(progress, "so_far", lambda: done)
    log_check.check_log(load("demo").ingest)
    assert (
        stream.getvalue().splitlines()[-1].startswith("checking the log: 1,234 of 5,000 files … ")
    )


def test_progress_follows_tfx_log_lines():
    stream = io.StringIO()
    progress = Progress(Terminal(stream), ["A", "B"])
    logger = logging.Logger("absl-like")
    logger.addHandler(progress)
    logger.info("Component %s is running.", "A")
    assert progress.current == "A"
    logger.info("Component %s is finished.", "A")
    logger.info("Component %s is running.", "B")
    logger.info("A cached execution %d is used.", 3)
    logger.info("something else")
    logger.info("Component %s is finished.", "B")
    assert progress.current is None
    assert progress.cached == ["B"]
    assert list(progress.seconds) == ["A", "B"]
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("[ 1/2] A")
    assert "done in" in lines[1]
    assert "cache" in lines[3]


def test_the_hooks_are_the_words_that_tfx_logs():
    """The progress display reads TFX's log; a TFX that words it otherwise must fail here."""
    import tfx

    orchestration = os.path.join(os.path.dirname(tfx.__file__), "orchestration")
    with open(os.path.join(orchestration, "local", "local_dag_runner.py")) as file:
        runner = file.read()
    assert "'Component %s is running.'" in runner
    assert "'Component %s is finished.'" in runner
    with open(os.path.join(orchestration, "portable", "launcher.py")) as file:
        launcher = file.read()
    assert "'A cached execution %d is used.'" in launcher
    with open(os.path.join(orchestration, "portable", "resolver_node_handler.py")) as file:
        for source in (launcher, file.read()):
            assert "logging.exception('[%s] Input resolution error: %s'," in source
