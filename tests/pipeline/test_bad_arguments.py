"""Kinds of bad input, by the hundred: exit code 2 and one sentence that names it, at once.

What needs no log to be read is refused before one is: these run within this process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic
import pytest

from pipeline.cli import main
from pipeline.config import Config
from pipeline.errors import sections, tags
from pipeline.run_folder.check import METADATA
from pipeline.terminal.exit_codes import BAD_INPUT
from tests.pipeline.test_yaml_text import BOMB

GOOD = """\
name: mine
log: {folder: data, files: events.csv, columns: {user: u, item: i, time: t}}
label: {negatives: {per_positive: 1}}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "file").write_text("x")
    return tmp_path


def _told(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> str:
    """What the command said: one sentence, on stderr, and nothing else."""
    try:
        code = main(arguments)
    except SystemExit as end:
        code = end.code
    out, err = capfd.readouterr()
    assert code == BAD_INPUT, err
    assert out == ""
    assert err.startswith("everlong: ")
    assert "Traceback" not in err
    assert len(err) < 1000
    return err


def _sentence(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> str:
    told = _told(arguments, capfd)
    assert told.count("\n") == 1, told
    return told


RUN = ["run", "--config", "good.yaml"]
ABLATE = ["ablate", "--config", "good.yaml", "--study", "models"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "COMMAND"),
        (["rnu"], "rnu"),
        (["run"], "--config"),
        (["run", "--config"], "--config"),
        ([*RUN, "--ouput-dir", "x"], "--ouput-dir; the nearest is --output-dir; see everlong run"),
        (["run", "--conf", "good.yaml"], "--conf; the nearest is --config; see everlong run --h"),
        (["run", "--confg=good.yaml"], "--confg; the nearest is --config; see everlong run --help"),
        ([*RUN, "--from", "Trainer"], "--from; the nearest is --from-node"),
        (["bench", "gate", "--jsn", "x"], "--jsn; the nearest is --json; see everlong bench gate "),
        (["--verison"], "--verison; the nearest is --version; see everlong --help"),
        ([*RUN, "more"], "more"),
        ([*RUN, "--set"], "--set"),
        ([*RUN, "--set", "epochs"], "section.key=value"),
        ([*RUN, "--set", "=1"], "section.key=value"),
        ([*RUN, "--set", "name.of=1"], "--set name.of: 'name' is a value"),
        ([*RUN, "--set", "training.epochs=["], "--set training.epochs: "),
        ([*RUN, "--set", "training.epochs=" + "[" * 5000], "--set training.epochs: "),
        ([*RUN, "--set", "training..epochs=1"], "training."),
        ([*RUN, "--set", ".=1"], "unknown key"),
        (["ingest"], "--config"),
        (["predict", "--config", "good.yaml", "--model", "m"], "--out"),
        (["predict", "--config", "good.yaml", "--out", "p.parquet"], "--model"),
        (["predict", "--config", "good.yaml", "--model", "m", "--out", "p.csv"], ".parquet"),
        (["predict", "--config", "good.yaml", "--model", "m", "--out", "no/p.parquet"], "folder"),
        (["predict", "--config", "good.yaml", "--model", "m", "--out", "x" * 300], "too long"),
        (
            ["predict", "--config", "good.yaml", "--model", "m", "--out", "p.parquet", "--split",
             "test"],
            "there are train, validation, eval",
        ),
        (["serve", "--model", "gs://bucket/serving"], "copy it here. Received: 'gs://bucket/serving'"),
        (["simulate", "--config", "demo"], "--out"),
        (["simulate", "--config", "good.yaml", "--out", "l.csv"], "log.simulator"),
        (["simulate", "--config", "demo", "--out", "l.xlsx"], ".parquet"),
        (["simulate", "--config", "demo", "--out", "file/l.csv"], "Not a directory"),
        (["simulate", "--config", "demo", "--out", "gs://bucket/l.csv"], "local or mounted"),
        (["compile", "--config", "good.yaml", "--out", "p.yaml"], "--engine"),
        (["compile", "--config", "good.yaml", "--engine", "airflow", "--out", "p"], "airflow"),
        (["config"], "--config"),
        (["config", "--config", "good.yaml", "--set", "gate.slices=[novel]"], "slice_novelty"),
        (["report"], "DIR"),
        (["compare", "a"], "RUN_B"),
        (["dataset"], "NAME"),
        (["bench"], "WHAT"),
        (["bench", "memory"], "memory"),
        (["bench", "gsu", "--config", "good.yaml", "--length", "0"], "--length"),
        (["bench", "gsu", "--config", "good.yaml", "--rounds", "1e12"], "--rounds"),
        (["bench", "gsu", "--config", "good.yaml", "--model", "gpt"], "gpt"),
        ([*ABLATE, "--seeds", "many"], "--seeds"),
        ([*ABLATE, "--seeds", "0"], "--seeds"),
        ([*ABLATE, "--seeds", "-1"], "--seeds"),
        ([*ABLATE, "--seeds", "1.5"], "--seeds"),
        ([*ABLATE, "--seeds", "1000000000000"], "--seeds"),
        ([*ABLATE, "--workers", "0"], "--workers"),
        ([*ABLATE, "--workers", "100000"], "--workers"),
        (["ablate", "--config", "good.yaml", "--study", "nothing"], "--study"),
        (["ablate", "--config", "good.yaml", "--study", "x" * 300], "--study"),
        (["ablate", "--config", "good.yaml", "--study", "file"], "mapping"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else "",
)  # fmt: skip
def test_flags(here: Path, arguments: list[str], words: str, capfd) -> None:
    assert words in _sentence(arguments, capfd)


FILES: dict[str, bytes] = {
    "empty.yaml": b"",
    "binary.yaml": bytes(range(256)),
    "nul.yaml": b"name: \x00",
    "utf16.yaml": "name: mine".encode("utf-16"),
    "list.yaml": b"- name: mine",
    "words.yaml": b"just some words",
    "number.yaml": b"3",
    "open.yaml": b"log: {folder: data",
    "tab.yaml": b"log:\n\tfolder: data",
    "twice.yaml": GOOD.encode() + b"name: again",
    "date.yaml": GOOD.encode() + b"seed: 2024-02-30",
    "bomb.yaml": (BOMB + GOOD + "extra: *j").encode(),
    "bomb_in_use.yaml": (BOMB + GOOD.replace("per_positive: 1", "per_positive: *j")).encode(),
    "brackets.yaml": b"name: " + b"[" * 5000 + b"]" * 5000,
    "deep.yaml": b"name: " + b"{a: " * 5000 + b"}" * 5000,
    "round.yaml": b"name: &a [*a]",
    "long.yaml": b"# " + b"x" * 2**20,
    "tag.yaml": b"name: !!python/object/apply:os.getcwd []",
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("command", ["run", "config", "ingest"])
def test_configuration_files(here: Path, name: str, command: str, capfd) -> None:
    (here / name).write_bytes(FILES[name])
    assert f"{name}: " in _sentence([command, "--config", name], capfd)
    assert not (here / "runs").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", "gone", "gone"],
        ["predict", "--model", "gone", "--config", "good.yaml", "--out", "p.parquet"],
    ],
)
def test_a_run_that_is_not_there_is_told_before_tensorflow_is_loaded(here: Path, arguments) -> None:
    program = (
        "import sys; from pipeline.cli import main\n"
        f"print(main({arguments!r}), 'tensorflow' in sys.modules, 'apache_beam' in sys.modules)"
    )
    path = {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=os.environ | path
    )
    assert done.stdout == "2 False False\n", done.stderr
    assert "gone: there is no such folder; give " in done.stderr


@pytest.mark.parametrize(
    "name", ["nowhere.yaml", ".", "x" * 300, "a/" * 3000, "a\0b", "", "/dev/null"]
)
def test_configuration_files_that_are_none(here: Path, name: str, capfd) -> None:
    assert "movielens_1m" in _sentence(["run", "--config", name], capfd)


def test_a_configuration_that_may_not_be_read(here: Path, capfd) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads every file")
    (here / "good.yaml").chmod(0)
    assert "Permission denied" in _sentence(RUN, capfd)


@pytest.mark.parametrize("command", ["run", "ingest", "ablate"])
@pytest.mark.parametrize(
    "folder",
    ["/proc/x", "file", "file/below", "x" * 300, "a/" * 2000, "gs://bucket/x", "/dev/null"],
)
def test_output_folders(here: Path, command: str, folder: str, capfd) -> None:
    more = ["--study", "models"] if command == "ablate" else []
    told = _sentence([command, "--config", "good.yaml", *more, "--output-dir", folder], capfd)
    assert "--output-dir" in told
    assert {path.name for path in here.iterdir()} == {"good.yaml", "file"}


def test_damaged_metadata_are_told_before_anything_starts(here: Path, capfd) -> None:
    (here / "run").mkdir()
    (here / "run" / METADATA).write_text("damaged")
    told = _sentence([*RUN, "--output-dir", "run"], capfd)
    assert f"{METADATA}: is no sound ML Metadata" in told
    assert {path.name for path in (here / "run").iterdir()} == {METADATA}


def _keys(section: type[pydantic.BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key that `--set` can reach, with its field; of a union's sections, those of one."""
    for name, field in section.model_fields.items():
        yield prefix + name, field
        within = typing.get_origin(field.annotation)
        if within in (list, dict):
            continue
        for below in list(sections(field.annotation))[:1]:
            yield from _keys(below, f"{prefix}{name}.")


KEYS = dict(_keys(Config))
SECTIONS = sorted({key.rpartition(".")[0] for key in KEYS})
NUMBERS = [
    key
    for key, field in KEYS.items()
    if not list(sections(field.annotation))
    and {int, float} & {field.annotation, *typing.get_args(field.annotation)}
]


def _fault(key: str, value: str, capfd) -> str:
    # Of a union of models, the keys of the first.
    model = sorted(tags(next(sections(Config.model_fields["model"].annotation))))
    named = ["--set", f"model.name={model[0]}"] if key.startswith("model.") else []
    return _told(["config", "--config", "good.yaml", *named, "--set", f"{key}={value}"], capfd)


@pytest.mark.parametrize("section", SECTIONS)
def test_unknown_keys_at_each_level(here: Path, section: str, capfd) -> None:
    key = f"{section}.nope" if section else "nope"
    names = "{user: {column: u}, item: {column: i}, time: {column: t}}"
    (here / "good.yaml").write_text(GOOD.replace("{user: u, item: i, time: t}", names))
    assert f"{key}: unknown key" in _fault(key, "1", capfd)


@pytest.mark.parametrize("key", NUMBERS)
def test_numbers(here: Path, key: str, capfd) -> None:
    for value in (
        ".inf",
        "-.inf",
        ".nan",
        "1.0e+301",
        "-1.0e+301",
        "many",
        "true",
        "{a: 1}",
        "[[1]]",
    ):
        assert key in _fault(key, value, capfd), value


@pytest.mark.parametrize("key", [key for key in KEYS if key not in NUMBERS])
def test_wrong_types(here: Path, key: str, capfd) -> None:
    if key == "log.options":
        pytest.skip("holds anything")
    assert key.partition(".")[0] in _fault(key, "[[[1]]]", capfd)
    assert key.partition(".")[0] in _fault(key, "{1: {2: 3}}", capfd)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("training.batch_users", "1.0e+12"), ("training.batch_users", "1e12"),
        ("model.item_dim", "100000000"), ("model.item_dim", "1e8"),
        ("gate.replicas", "1000000000000"), ("gate.replicas", "1e12"),
        ("history.max_length", "10000000000"), ("beam.shard_memory_mib", "1000000000"),
        ("model.mlp_units", "[100000000]"), ("gate.tolerance", "{auc: .inf}"),
        ("gate.calibration", "[.nan, 1.0]"), ("log.user_share", ".nan"), ("seed", "-1"),
        ("name", "a b"), ("name", "x" * 300), ("name", "''"), ("name", "null"),
    ],
)  # fmt: skip
def test_absurd_values_name_their_key_in_one_sentence(here, key, value, capfd) -> None:
    told = _sentence([*RUN, "--set", f"{key}={value}"], capfd)
    assert key in told
    assert not (here / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "beam.args=['--password=hunter2']"], "--password"),
        (["--set", "beam.args=['--s3_secret_access_key', hunter2]"], "--s3_secret_access_key"),
        (["--set", "beam.args=['--jdbc=db://me:hunter2@host']"], "--jdbc"),
        (["--set", "beam.args=['--password=${file:/x}']"], "environment only"),
        (["--set", "log={source: 'beam:a.b', options: {password: hunter2}}"], "options.password"),
        (["--set", "log={source: 'beam:a.b', options: {url: 'x://u:hunter2@h'}}"], "options.url"),
        (["--set", "log.password=hunter2"], "log.password"),
        (["--set", "log.options={password: hunter2}"], "options"),
    ],
)
def test_a_secret_that_is_written_out_is_refused_and_not_repeated(
    here: Path, arguments: list[str], words: str, capfd
) -> None:
    told = _told(["config", "--config", "good.yaml", *arguments], capfd)
    assert words in told
    assert "hunter2" not in told


def test_a_reference_is_printed_as_it_is(here: Path, monkeypatch, capfd) -> None:
    monkeypatch.setenv("DB_PASSWORD", "hunter2")
    argument = "beam.args=['--password=${DB_PASSWORD}']"
    assert main(["config", "--config", "good.yaml", "--set", argument]) == 0
    out = capfd.readouterr().out
    assert "${DB_PASSWORD}" in out
    assert "hunter2" not in out
