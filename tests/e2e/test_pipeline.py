"""Whole pipelines on a small simulated log, as a user runs them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.cli import main
from tests.e2e.conftest import Run

pytestmark = pytest.mark.slow


def test_the_first_run_is_blessed_pushed_and_summed_up(first: Run) -> None:
    summary = first.summary
    assert summary["blessed"] is True
    assert summary["reasons"]
    assert Path(summary["pushed_model"], "saved_model.pb").exists()
    assert Path(summary["pushed_model"]).name in first.pushed
    assert set(summary["metrics"]) >= {"auc", "gauc", "logloss", "calibration", "oracle_auc"}
    assert 0.5 < summary["metrics"]["oracle_auc"] <= 1
    assert summary["examples"]["targets"] == 60 * 40
    assert summary["examples"]["eval"] == 550  # the last two or so of a user's lists of six
    assert summary["train"]["steps"] > 0
    assert {"BehaviorExampleGen", "Trainer", "Evaluator", "Pusher", "total"} <= set(
        summary["seconds"]
    )
    assert Path(summary["report"]).exists()
    assert summary["config_hash"]
    printed = (first.output / "printed.txt").read_text()
    assert "BLESSED and pushed" in printed
    assert "absl" not in printed
    assert "WARNING" not in printed


def test_the_pushed_model_scores_alone_and_both_signatures_agree(
    first: Run, tmp_path: Path
) -> None:
    """A fresh process that has no Everlong on its path, only TensorFlow."""
    examples = next(Path(first.output, "artifacts/BehaviorExampleGen").glob("**/Split-eval"))
    script = Path(__file__).parent / "score_alone.py"
    copied = shutil.copy(script, tmp_path / "score.py")
    done = subprocess.run(
        [sys.executable, "-I", copied, first.summary["pushed_model"], str(examples)],
        capture_output=True, text=True, cwd=tmp_path, env={"PATH": os.environ["PATH"]}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["examples"] == 20
    assert result["everlong_modules"] == []
    assert result["largest_difference"] < 1e-6
    assert 0 < result["least"] <= result["most"] < 1


def test_what_was_pushed_and_is_gone_is_pushed_again_and_all_else_is_from_the_cache(
    first: Run,
) -> None:
    (version,) = (name for name in first.pushed if name.isdigit())
    shutil.rmtree(first.output / "serving" / version)
    done = first()
    assert done.returncode == 0, done.stdout + done.stderr
    assert Path(first.summary["pushed_model"], "saved_model.pb").exists()
    ran = set(first.summary["seconds"]) - set(first.summary["cached"]) - {"total"}
    assert ran <= {"LatestBlessedModel", "EarlierStatistics", "Pusher"}


def test_from_node_runs_that_node_again_and_the_same_model_is_not_pushed_twice(first: Run) -> None:
    before = first.pushed
    done = first("--from-node", "Evaluator")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Evaluator" in first.summary["seconds"]
    assert "Trainer" not in first.summary["seconds"]
    assert first.pushed == before


def test_a_worse_model_is_refused_and_the_pushed_one_stays(first: Run) -> None:
    before = first.pushed
    done = first("--set", "training.max_steps=1")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "NOT BLESSED" in done.stdout
    assert first.summary["blessed"] is False
    assert first.summary["pushed_model"] is None
    assert any("latest blessed" in reason for reason in first.summary["reasons"])
    assert first.pushed == before
    # Nothing before the Trainer depends on how it trains.
    assert {"BehaviorExampleGen", "StatisticsGen", "Transform"} <= set(first.summary["cached"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from-node", "Trianer"], "the nearest is Trainer"),
        (["--set", "model.nmae=twin"], "the nearest valid key is model.name"),
        (["--set", "log.simulator.users=1"], "user"),
        (["--set", "push.destination=/proc/nowhere"], "push.destination: models cannot be pushed"),
    ],
)
def test_bad_input_exits_with_2(
    first: Run, arguments: list[str], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(first.command(*arguments)[3:]) == 2
    shown = capfd.readouterr()
    assert words in shown.out + shown.err
    assert "Traceback" not in shown.out + shown.err


def test_a_run_killed_in_the_trainer_resumes_and_keeps_another_out(
    finished: Run, tmp_path: Path
) -> None:
    # All before the Trainer is taken from the cache.
    run = Run(Path(shutil.copytree(finished.output, tmp_path / "killed")))
    (run.output / "summary.json").unlink()
    slow = ["--set", "training.epochs=20", "--set", "training.checkpoint_seconds=0.1",
            "--set", "gate.tolerance={auc: 0.5}", "--set", "gate.slice_tolerance=null"]  # fmt: skip
    process = subprocess.Popen(
        run.command(*slow), stdout=subprocess.DEVNULL, start_new_session=True
    )
    # TensorFlow's note of the latest checkpoint: from then on there is one to go on from.
    wait(lambda: list(run.output.glob("checkpoints/**/checkpoint")), process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (run.output / "summary.json").exists()

    (run.output / "log.txt").unlink()
    resumed = subprocess.Popen(
        run.command(*slow), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    wait((run.output / "log.txt").exists, resumed)
    other = run("--set", "training.max_steps=1")
    assert other.returncode == 2
    assert f"process {resumed.pid} " in other.stderr
    assert "is writing it; wait" in other.stderr
    assert other.stderr.count("\n") == 1
    printed, _ = resumed.communicate()
    assert resumed.returncode == 0, printed
    assert run.summary["train"]["resumed_from_step"] > 0
    assert run.summary["train"]["steps"] == finished.summary["train"]["steps"] * 20 / 4  # epochs
    assert "BehaviorExampleGen" in run.summary["cached"]
    assert not list(run.output.glob("checkpoints/**/*.index"))


def wait(happened: Callable[[], object], process: subprocess.Popen) -> None:
    """Returns as soon as something has happened that a process is to do."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and not happened():
        assert process.poll() is None, "ended before"
        time.sleep(0.05)


def test_a_moved_run_goes_on_and_a_damaged_model_is_trained_again(
    finished: Run, tmp_path: Path
) -> None:
    shutil.copytree(finished.output, tmp_path / "before")
    run = Run((tmp_path / "before").rename(tmp_path / "moved"))
    done = run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert run.pushed == finished.pushed
    ran = set(run.summary["seconds"]) - set(run.summary["cached"]) - {"total"}
    assert ran <= {"LatestBlessedModel", "EarlierStatistics", "Pusher"}
    for key in ("model", "report", "pushed_model", "log"):
        assert Path(run.summary[key]).is_relative_to(run.output)

    (weights,) = Path(run.summary["model"]).rglob("variables.data*")
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    done = run()
    assert "is damaged" in done.stdout
    assert "made again" in done.stdout
    assert not {"Trainer", "Evaluator"} & set(run.summary["cached"])
    assert {"BehaviorExampleGen", "Transform"} <= set(run.summary["cached"])
