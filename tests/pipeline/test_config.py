from pathlib import Path

import pytest

from pipeline import config as configuration
from pipeline.cli import main
from pipeline.errors import ConfigError, keys
from pipeline.explain import explain
from pipeline.terminal.exit_codes import BAD_INPUT, DONE
from pipeline.yaml_text import read

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
        "taobao", "tmall", "alipay", "kuairand", "taobao_ad", "recflow",
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
        ("training.epochs=true", ["training.epochs: Input should be a valid number", "True"]),
        ("seed=false", ["seed: Input should be a valid number. Received: False"]),
        ("log.csv.encoding=rot13", ["log.csv.encoding: is no encoding of texts", "'rot13'"]),
        ("log.csv.encoding=utf8mb4", ["log.csv.encoding", "cp1252", "'utf8mb4'"]),
        ("label.column=''", ["label.column: must not be empty. Received: ''"]),
        ("push.destination=~/models", ["push.destination: `~` is the home folder only in a shell"]),
        ("push.destination=''", ["push.destination: must not be empty. Received: ''"]),
        ("log.files=''", ["log.files: must not be empty"]),
        ("log.columns.user=''", ["log.columns.user"]),
        ("log.columns.user=0", ["log.columns.user: the name of a column is a text", "Received: 0"]),
        ("log.files=[a, 5]", ["  log.files.1: Input should be a valid string. Received: 5"]),
        ("features={x: {column: c}}", ["features.x.of: must be given"]),
        ("features={x: {of: item, colum: c}}", ["features.x.colum: unknown key"]),
        (
            "model={name: din, top_k: 5}",
            [
                "model.top_k: unknown key (value 5)",
                "it is a key of dare, eta, mirrn, sim_hard, sim_soft, twin",
                "set model.name",
            ],
        ),
        (
            "features={x: {of: item, column: c, type: category}}",
            ["features.x.type: must be one of 'id', 'ids', 'number'", "Received: 'category'"],
        ),
        ("features={x: {of: context, as: hour_of_day}}", ["features.x.from: must be given"]),
        (
            "features={x: {of: user, column: c, type: ids, weights: ':'}}",
            [
                "features.x.weights: unknown key (value ':'); valid keys here: column, max_values, "
                "min_count, of, pooling, separator, table, type"
            ],
        ),
        (
            "features={x: {of: user, column: c, type: number, scale: log1p}}",
            ["features.x.scale: unknown key", "keys here: boundaries, buckets, column, of, type"],
        ),
        ("features={x: c}", ["features.x: must be a section, such as {key: value}. Received: 'c'"]),
        ("log.columns.item=u", ["`user` and `item` must be different columns", "'u' for both"]),
        ("log.where=[a > 1 and b > 2]", ["log.where", "list of conditions", "'a > 1 and b > 2'"]),
    ],
)
def test_a_fault_names_the_key_the_value_and_the_way_out(own, override, words):
    message = _fault(own, override)
    for word in words:
        assert word in message


def test_a_model_that_compares_all_behaviors_bounds_their_number(own):
    long = ["model.name=hstu", "history.max_length=513"]
    with pytest.raises(ConfigError, match=r"at most 512 with `model.name: hstu`.*Received: 513"):
        configuration.load(str(own), long)
    assert configuration.load(str(own), [long[0], "history.max_length=512"]).model.blocks == 2


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["log.columns.time={column: t, unit: order}"], "`history.session_gap: null`"),
        (
            ["label={column: clicked}", "features={x: {of: context, column: clicked}}"],
            "`features.x` is the column of `label.column`",
        ),
        (["label.positives=[buy]"], "`log.columns.behavior` is not set"),
    ],
)
def test_sections_that_do_not_fit_each_other_are_refused(own, overrides, says):
    message = _fault(own, *overrides)
    assert message.startswith(f"{own}: configuration: ") and says in message
    assert "\n" not in message


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


@pytest.mark.parametrize("path", sorted(configuration.SHIPPED.glob("*.yaml")), ids=lambda p: p.stem)
def test_a_configuration_that_is_explained_is_the_same_configuration(path, tmp_path, capsys):
    assert main(["config", "--config", path.stem, "--explain", "--set", "seed=11"]) == DONE
    text = capsys.readouterr().out
    (tmp_path / "explained.yaml").write_text(text)
    loaded = configuration.load(path.stem, ["seed=11"])
    assert configuration.load(str(tmp_path / "explained.yaml")) == loaded
    assert set(read(tmp_path / "explained.yaml")) == set(read(path)) | {"seed"}


def test_what_a_configuration_sets_is_explained_a_key_at_a_time(own, capsys):
    features = "features={age: {of: user, column: a}}"
    assert main(["config", "--config", str(own), "--explain", "--set", features]) == DONE
    text = capsys.readouterr().out
    assert (
        "\n  # Which column holds what.\n  columns:\n    # Who acted.\n    user: {column: u}\n"
        in text
    )
    assert "\n  age: {of: user, column: a, type: id}\n" in text
    assert "learning_rate" not in text


def test_what_is_null_in_a_free_mapping_is_left_out(own):
    overrides = ["features={a: {of: item, column: x}, b: null}", "tables={a: {dim: 4}, b: null}"]
    config = configuration.load(str(own), overrides)
    assert (list(config.features), list(config.tables)) == (["a"], ["a"])
    assert not configuration.load(
        str(own), [*overrides, "features.a=null", "tables.a=null"]
    ).features
    assert not configuration.load(str(own), [*overrides, "features=null", "tables=null"]).features
    tables = "log.tables={x: {of: item, files: x.csv, key: i}, y: null}"
    assert list(configuration.load(str(own), [tables]).log.tables) == ["x"]
    assert not configuration.load(str(own), [tables, "log.tables.x=null"]).log.tables


def test_features_of_events_that_nothing_reads_are_refused(own):
    overrides = [
        "features.dwell={of: event, column: d}",
        "features.tab={of: context, column: c}",
        "model.cross_features=false",
    ]
    with pytest.raises(ConfigError, match="`features` dwell; remove them, or set") as error:
        configuration.load(str(own), overrides)
    assert "tab" not in str(error.value)
    configuration.load(str(own), overrides[1:])
    configuration.load(str(own), overrides[:2])


def test_dotted_keys_are_for_the_command_line(own):
    own.write_text(f"{OWN_LOG}training.epochs: 2\n")
    assert _fault(own) == (
        f"{own}: training.epochs: unknown key (value 2); a file nests sections: "
        "`training: {epochs: ...}`"
    )
