"""Scheduling: what is finished is kept, what fails is told, what is interrupted stops."""

import io
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from pipeline.ablation.job import LOG, Job, Result
from pipeline.ablation.runs import Workers
from pipeline.terminal.console import Terminal

# A worker without TensorFlow: it notes that it ran, then does what its settings say.
WORKER = """
import json, sys, time
from pathlib import Path
import numpy as np
folder = Path(sys.argv[1])
with open(folder.parent.parent / "started.txt", "a") as file:
    file.write(folder.name + chr(10))
what = json.loads(json.loads((folder / "job.json").read_text())["settings"])
if what == "fail":
    sys.exit("ValueError: planted fault")
if what == "hang":
    time.sleep(600)
np.save(folder / "scores.npy", np.full(3, float(what)))
facts = {"training": {"seconds": 1.0}, "parameters": 5, "peak_memory_mib": 1.0}
(folder / "result.json").write_text(json.dumps(facts))
"""


def job(what):
    return Job(
        name=f"run {what}", data_key="d", transform="t", examples="x", evaluation="e",
        frozen="",
        settings=json.dumps(what), code="c",
    )  # fmt: skip


@pytest.fixture
def study(tmp_path):
    (tmp_path / "worker.py").write_text(WORKER)
    stream = io.StringIO()

    def run(*whats):
        command = (sys.executable, str(tmp_path / "worker.py"))
        workers = Workers(tmp_path / "runs", 2, 1, Terminal(stream), command)
        results, failures = workers.run([job(what) for what in whats])
        return results, failures, stream.getvalue()

    run.started = lambda: (tmp_path / "started.txt").read_text().split()
    run.folder = tmp_path / "runs"
    return run


def test_a_finished_run_is_not_run_again_and_equal_runs_once(study):
    results, failures, _ = study(1, 2, 1)
    assert not failures
    assert sorted(study.started()) == sorted({job(1).key, job(2).key})
    assert results[job(2).key].scores.tolist() == [2, 2, 2]
    results, _, printed = study(1, 2, 3)
    assert len(study.started()) == 3
    assert set(results) == {job(w).key for w in (1, 2, 3)}
    assert "2 of 3 runs were finished before" in printed


def test_a_run_without_its_last_file_is_run_again(study):
    study(1)
    (study.folder / job(1).key / "result.json").unlink()
    study(1)
    assert len(study.started()) == 2


def test_a_failing_run_is_told_and_the_others_go_on(study):
    results, failures, printed = study("fail", 1, 2)
    assert set(results) == {job(1).key, job(2).key}
    assert "planted fault" in failures[job("fail").key]
    assert "run fail: FAILED: ValueError: planted fault" in printed
    assert LOG in failures[job("fail").key]
    study("fail")  # a failure is no result
    assert len(study.started()) == 4


def test_what_decides_a_run_decides_its_key():
    base = job(1)
    keys = {base.model_copy(update={"name": "another"}).key, base.key}
    assert len(keys) == 1
    for change in ({"settings": "2"}, {"data_key": "other"}, {"code": "edited"}):
        assert base.model_copy(update=change).key not in keys


INTERRUPT = """
import sys
from pathlib import Path
from pipeline import cli
from pipeline.ablation.runs import Workers
from pipeline.terminal.console import Terminal
from tests.pipeline.ablation.test_runs import job
folder = Path(sys.argv[1])
def study(_):
    workers = Workers(
        folder / "runs", 2, 1, Terminal(sys.stdout), (sys.executable, str(folder / "worker.py"))
    )
    workers.run([job(1), job("hang"), job(2)])
parsed = type("P", (), {"execute": study, "resumed": True})
parser = type("Parser", (), {"parse_args": lambda self, _: parsed})
cli._parser = parser
sys.exit(cli.main([]))
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_the_workers_and_keeps_what_is_finished(tmp_path, study, how):
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPT, str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while Result.read(study.folder / job(2).key) is None and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(process.pid, how)  # to the parent alone, not to its group
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "interrupted; the same command goes on where this one was" in errors
    with pytest.raises(ProcessLookupError):  # no member of the group is left
        os.killpg(process.pid, 0)
    assert Result.read(study.folder / job(1).key) is not None
    assert Result.read(study.folder / job("hang").key) is None


def test_scores_come_back_as_they_were(study):
    results, _, _ = study(4)
    assert np.array_equal(results[job(4).key].scores, np.full(3, 4.0))
    assert results[job(4).key].parameters == 5
