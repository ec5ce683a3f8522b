from pathlib import Path

import pytest

from pipeline import config as configuration
from pipeline.cli import main
from pipeline.errors import ConfigError, keys
from pipeline.explain import explain
from pipeline.terminal.exit_codes import BAD_INPUT, DONE

OWN_LOG = """\
name: mine
log: {folder: data, files: events.csv, columns: {user: u, item: i, time: t}}
label: {negatives: {per_positive: 1}}
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(OWN_LOG)
    return path


def _fault(path: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        configuration.load(str(path), list(overrides))
    return str(caught.value)


@pytest.mark.parametrize("path", sorted(configuration.SHIPPED.glob("*.yaml")), ids=lambda p: p.stem)
def test_every_shipped_configuration_is_valid(path):
    loaded = configuration.load(path.stem)
    assert loaded.name == path.stem
    assert configuration.load(str(path)) == loaded


def test_the_promised_configurations_are_shipped():
    shipped = {path.stem for path in configuration.SHIPPED.glob("*.yaml")}
    assert shipped >= {
        "demo", "movielens_1m", "online_retail", "uboot_touch",
        "taobao", "tmall", "alipay", "kuairand",
    }  # fmt: skip


def test_a_log_of_ones_own_needs_five_lines(own):
    loaded = configuration.load(str(own))
    assert loaded.log.columns.user.column == "u"
    assert loaded.model.name == "twin"


def test_overrides_are_yaml_and_reach_nested_keys(own):
    loaded = configuration.load(
        str(own), ["training.epochs=2", "history.session_gap=null", "model.name=mirrn"]
    )
    assert loaded.training.epochs == 2
    assert loaded.history.session_gap is None
    assert loaded.model.name == "mirrn"
    assert loaded.hash != configuration.load(str(own)).hash


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("training.lerning_rate=0.1", ["training.lerning_rate", "0.1", "training.learning_rate"]),
        ("trainning.epochs=1", ["trainning", "training"]),
        ("training.epochs=many", ["training.epochs", "'many'"]),
        ("training.epochs=0", ["training.epochs", "0"]),
        ("model.name=wtin", ["model", "'wtin'", "twin"]),
        ("beam.args=[--runner=DaskRunner]", ["beam.args", "DaskRunner", "Flink"]),
        ("history.max_length=-1", ["history.max_length", "-1"]),
        ("name=my model", ["name", "'my model'"]),
        ("label.column=clicked", ["label", "negatives"]),
        ("epochs", ["--set", "section.key=value"]),
        ("name.of=1", ["--set", "name"]),
    ],
)
def test_a_fault_names_the_key_the_value_and_the_way_out(own, override, words):
    message = _fault(own, override)
    for word in words:
        assert word in message


def test_all_faults_are_told_at_once(own):
    message = _fault(own, "training.epochs=0", "seed=-1")
    assert "2 faults" in message


def test_a_key_given_twice_is_refused(own):
    own.write_text(OWN_LOG + "name: again\n")
    assert "line 4" in _fault(own)


@pytest.mark.parametrize("text", ["", "- a\n", "a: [", "\x00"])
def test_files_that_are_no_configuration(own, text):
    own.write_text(text)
    assert str(own) in _fault(own)


def test_no_such_file_names_the_shipped_ones():
    assert "movielens_1m" in _fault(Path("nowhere"))


def test_explain_prints_every_key():
    text = "\n".join(explain())
    for key in keys(configuration.Config):
        assert f"{key.rpartition('.')[2]}:" in text


def test_the_command_line_refuses_with_exit_code_2(own, capsys):
    assert main(["config", "--config", str(own), "--set", "sed=1"]) == BAD_INPUT
    assert "the nearest valid key is seed" in capsys.readouterr().err
    assert main(["config", "--config", str(own)]) == DONE
    assert "name: mine" in capsys.readouterr().out
    assert main(["config", "--explain"]) == DONE
