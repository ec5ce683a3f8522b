"""An old key of a configuration is refused with the name that it has now."""

from pathlib import Path

import pytest

from pipeline import config as configuration
from pipeline.ablation.study import load_study, plan
from pipeline.cli import main
from pipeline.errors import ConfigError, keys
from pipeline.renamed import RENAMED
from pipeline.terminal.exit_codes import BAD_INPUT

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


@pytest.mark.parametrize(
    ("old", "value", "new"),
    [
        ("model.retrieve", "16", "model.top_k"),
        ("model.short_term", "0", "model.short_seq_len"),
        ("model.mlp", "[64, 8]", "model.mlp_units"),
        ("model.heads", "2", "model.num_heads"),
        ("log.max_bad_rows", "0.3", "log.max_bad_row_share"),
        ("beam.shard_memory", "64", "beam.shard_memory_mib"),
        ("gate.max_drop", "0.1", "gate.tolerance"),
    ],
)
def test_an_old_key_is_refused_with_its_new_name(own, old, value, new):
    with pytest.raises(ConfigError) as caught:
        configuration.load(str(own), ["model.name=twin", f"{old}={value}"])
    told = f"{old}: is called {new} now (value {value})"
    assert str(caught.value) == f"{own}: {told}"


@pytest.mark.parametrize(
    ("old", "value", "told"),
    [
        (
            "log.features",
            "{dwell: {column: play_ms, boundaries: [1, 2.5]}}",
            "is called features now (write `features: {dwell: {of: event, type: number, column: "
            "play_ms, boundaries: [1, 2.5]}}`, beside `log`)",
        ),
        (
            "log.items",
            "{files: m.dat, key: id, columns: [genre]}",
            "is called log.tables now (write `log.tables: {items: {of: item, files: m.dat, key: "
            "id}}`, whose columns are found by name)",
        ),
        (
            "log.items",
            "null",
            "is called log.tables now (write `log.tables`, or null to take the tables away)",
        ),
        ("log.features", "[]", "is called features now (value [])"),
    ],
)
def test_an_old_section_is_refused_as_it_is_written_now(own, old, value, told):
    with pytest.raises(ConfigError) as caught:
        configuration.load(str(own), [f"{old}={value}"])
    assert str(caught.value) == f"{own}: {old}: {told}"


def test_old_keys_of_a_file_are_told_at_once_whatever_the_model(own, capsys):
    own.write_text(OWN_LOG + "model: {name: mirrn, heads: 2, retrieve: 5}\n")
    assert main(["config", "--config", str(own)]) == BAD_INPUT
    told = capsys.readouterr().err
    assert "2 faults" in told
    assert "model.heads: is called model.num_heads now" in told
    assert "model.retrieve: is called model.top_k now" in told


def test_an_old_key_of_a_study_is_refused(tmp_path):
    study = tmp_path / "mine.yaml"
    study.write_text(
        "question: Which K?\nreference: K 20\n"
        "variants: {K 20: {model.top_k: 20}, K 4: {model.retrieve: 4}}\n"
    )
    with pytest.raises(ConfigError, match=r"'K 4'(.|\n)*model.retrieve: is called model.top_k now"):
        plan(load_study(str(study)), "demo", [])


def test_new_names_are_keys_and_old_ones_are_none():
    known = set(keys(configuration.Config))
    assert set(RENAMED.values()) <= known
    assert not set(RENAMED) & known
