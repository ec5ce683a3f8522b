"""The compiled pipeline, step by step by its containers' commands, three times in one folder."""

import dataclasses
import json
from pathlib import Path

import pytest

from pipeline.cli import main
from tests.e2e.conftest import Run

pytestmark = pytest.mark.slow


@dataclasses.dataclass(frozen=True)
class Runs:
    """Summaries of a first run, of one over the same log, and of one over another log."""

    output: Path
    first: dict
    same: dict
    changed: dict

    def files(self, name: str) -> list[dict]:
        """The JSON files of that name that the runs left, oldest first."""
        found = sorted(self.output.rglob(name), key=lambda path: path.stat().st_mtime)
        return [json.loads(path.read_text()) for path in found]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    run = Run(tmp_path_factory.mktemp("kubeflow") / "tiny")

    def summary(code: int, *arguments: str) -> dict:
        # The engine itself is in this process, so that TFX is imported once less.
        words = run.command("--engine", "kubeflow-local", *arguments)[3:]
        assert main(words) == code, (run.output / "log.txt").read_text()
        return run.summary

    # Whether another model is no worse than the first would be luck; none reaches this bar.
    more = ("--parameter", "config_overrides=log.simulator.users=64 gate.min_auc=0.99")
    return Runs(run.output, summary(0), summary(0), summary(3, *more))


def test_the_first_run_gives_what_a_local_run_gives(runs: Runs, finished: Run) -> None:
    assert runs.first["blessed"] is True
    assert runs.first["cached"] == []
    local = finished.summary
    assert runs.first["metrics"] == pytest.approx(local["metrics"], abs=1e-6)
    assert runs.first["examples"] == local["examples"]
    assert runs.first["train"]["steps"] == local["train"]["steps"]
    assert Path(runs.first["pushed_model"], "saved_model.pb").exists()
    assert Path(runs.first["report"]).exists()


def test_over_the_same_log_all_is_taken_from_the_cache(runs: Runs) -> None:
    ran = set(runs.same["seconds"]) - set(runs.same["cached"]) - {"total"}
    assert ran == {"Configuration", "Predecessors"}
    assert runs.same["metrics"] == runs.first["metrics"]
    assert runs.same["model"] == runs.first["model"]


def test_a_changed_log_is_trained_on_and_judged_against_the_model_before(runs: Runs) -> None:
    assert set(runs.changed["cached"]) == {"ImportSchemaGen"}
    assert runs.changed["model"] != runs.first["model"]
    assert runs.changed["examples"]["users"] == runs.first["examples"]["users"] + 4
    before, after = runs.files("gate.json")
    assert before["baseline"] is None
    assert after["baseline"] == runs.first["model"]
    compared = after["intervals"]["overall"]["auc"]
    assert "baseline" not in before["intervals"]["overall"]["auc"]
    gain = compared["candidate"] - compared["baseline"]
    assert compared["difference"] == pytest.approx(gain, abs=1e-9)
    assert runs.changed["pushed_model"] is None


def test_a_changed_log_is_compared_with_the_data_before(runs: Runs) -> None:
    compared = [
        {distance["compared"] for distance in told["distances_from_train"]}
        for told in runs.files("metrics.json")
    ]
    assert compared == [{"validation", "eval"}, {"validation", "eval", "earlier data"}]


def test_the_pipelines_home_has_the_pointers(runs: Runs) -> None:
    home = runs.output / "artifacts" / "tiny"
    blessed = json.loads((home / "blessed.json").read_text())
    assert [entry["uri"] for entry in blessed] == [runs.first["model"]]
    statistics = json.loads((home / "statistics.json").read_text())
    assert len(statistics) == 2
    assert [path.name for path in (runs.output / "serving").iterdir()] == [
        Path(runs.first["pushed_model"]).name
    ]


def test_no_step_saw_a_type_or_a_value_that_only_this_process_knows(runs: Runs) -> None:
    """Every step began anew: what it knows is in its command."""
    logs = sorted(path.stem for path in (runs.output / "steps").rglob("*.txt"))
    assert logs.count("Trainer") == 2 and logs.count("Configuration") == 3
