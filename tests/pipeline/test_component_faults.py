"""Every component is failed on purpose: it ends with one sentence that names it and the log.

The others are stand-ins that write nothing, so that a run takes a second.
"""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from components.errors import InputError
from components.latest_blessed import strategy
from pipeline import config as configuration
from pipeline.cli import main
from pipeline.local_runner import places
from pipeline.pipeline import create_pipeline
from pipeline.run.progress import WHAT
from pipeline.terminal.exit_codes import BAD_INPUT, FAILED, INTERRUPTED

CONFIG = Path(__file__).parents[1] / "e2e" / "tiny.yaml"
RESOLVERS = {
    "LatestBlessedModel": strategy.LatestOtherBlessedModelStrategy,
    "EarlierStatistics": strategy.LatestOtherStatisticsStrategy,
}


def _cyclic() -> Exception:
    """What `raise fault from fault` makes: an error that is its own cause."""
    fault = ValueError("Received: Nope")
    fault.__cause__ = fault
    return fault


FAULTS = {
    "own cause": (_cyclic, FAILED, "ValueError: Received: Nope; "),
    "full disk": (lambda: OSError(errno.ENOSPC, "No space"), FAILED, "no space left on the disk"),
    "input": (lambda: InputError("x.csv: is cut off; write it again"), BAD_INPUT, "x.csv: is cut"),
}


@pytest.fixture(scope="module")
def executors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, type]:
    config = configuration.load(str(CONFIG))
    pipeline = create_pipeline(config, places(config, tmp_path_factory.mktemp("none")), "")
    found = {node.id: node.executor_spec for node in pipeline.components}
    return {
        name: RESOLVERS[name] if name in RESOLVERS else spec.executor_class  # noqa: SIM401
        for name, spec in found.items()
    }


def test_all_components_are_failed_here(executors: dict[str, type]) -> None:
    assert set(executors) == set(WHAT)


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("name", WHAT)
def test_a_component_that_fails_ends_the_run_with_a_sentence(
    executors: dict[str, type],
    name: str,
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    make, code, words = FAULTS[kind]

    def fail(*_: object) -> None:
        raise make()

    for node, executor in executors.items():
        if node not in RESOLVERS:
            monkeypatch.setattr(executor, "Do", fail if node == name else lambda *_: None)
    if name in RESOLVERS:
        monkeypatch.setattr(RESOLVERS[name], "resolve_artifacts", fail)
    output = tmp_path / "run"
    assert main(["run", "--config", str(CONFIG), "--output-dir", str(output)]) == code
    said = capfd.readouterr().out.splitlines()
    told = [line for line in said if line.startswith("everlong: ")]
    assert len(told) == 1
    assert told[0].startswith(f"everlong: {name}")
    assert words in told[0]
    assert str(output / "log.txt") in told[0]
    assert not re.search("Traceback|goes on where", "\n".join(said))


def test_an_interruption_that_beam_raised_anew_is_none_of_a_component(
    executors: dict[str, type], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd
) -> None:
    def interrupted(*_: object) -> None:
        raise RuntimeError("KeyboardInterrupt [while running 'WriteExamples/Map']")

    for executor in (executor for node, executor in executors.items() if node not in RESOLVERS):
        monkeypatch.setattr(executor, "Do", lambda *_: None)
    monkeypatch.setattr(executors["Transform"], "Do", interrupted)
    words = ["run", "--config", str(CONFIG), "--output-dir", str(tmp_path / "run")]
    assert main(words) == INTERRUPTED
    said, told = capfd.readouterr()
    assert "everlong: interrupted; the same command goes on" in told
    assert "failed:" not in said
