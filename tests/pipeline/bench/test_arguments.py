"""What is measured: models and lengths as the command line names them."""

from __future__ import annotations

import argparse
import subprocess
import sys

import pytest

from models.config import MODELS
from pipeline.bench import arguments
from pipeline.cli import main
from pipeline.commands.bench import BENCHES
from pipeline.config import load
from pipeline.errors import ConfigError
from pipeline.output_folder import LOCK


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    arguments.add_measured(parser, MODELS, "", rounds=1)
    return parser.parse_args(["--config", "demo", *words])


def test_without_a_model_the_configuration_says_it():
    (config,) = arguments.configs(parse("--set", "model.top_k=7"))
    assert (config.model.name, config.model.top_k) == ("twin", 7)


def test_models_keep_the_keys_that_they_have_too():
    options = ("--set", "model.top_k=7", "--set", "model.search=per_head")
    sim_hard, pooling = arguments.configs(
        parse("--model", "sim_hard", "--model", "avg_pooling", "--model", "sim_hard", *options)
    )
    assert sim_hard.model.name == "sim_hard"
    assert sim_hard.model.top_k == 7
    assert pooling.model.name == "avg_pooling"
    assert sim_hard.model.mlp_units == pooling.model.mlp_units == load("demo").model.mlp_units


def test_a_length_changes_the_history_alone():
    config = load("demo")
    longer = arguments.with_length(config, 12)
    assert longer.history.max_length == 12
    assert longer.model_copy(update={"history": config.history}) == config


def test_a_model_that_cannot_be_measured_is_refused():
    with pytest.raises(ConfigError, match="its model, twin, cannot be measured here"):
        arguments.configs(parse(), models=("eta", "mirrn"))


@pytest.mark.parametrize("text", ["0", "-3", "1.5", "many"])
def test_sizes_are_positive_whole_numbers(text):
    with pytest.raises(argparse.ArgumentTypeError, match=f"Received: '{text}'"):
        arguments.positive(text)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["train"], "--config"),
        (["gsu", "--config", "demo", "--model", "twinn"], "invalid choice: 'twinn'"),
        (["gsu", "--config", "demo", "--model", "din"], "invalid choice: 'din'"),
        (["models", "--config", "demo", "--length", "0"], "must be a positive whole number"),
        (["models", "--config", "demo", "--jit", "yes"], "invalid choice: 'yes'"),
        (["models", "--config", "nosuch"], "no file 'nosuch'"),
        (["models", "--config", "demo", "--json", "/nosuch/x.json"], "there is no folder"),
        (["train", "--config", "demo", "--set", "model.num_hedas=2"], "model.num_heads"),
        ([], "WHAT"),
    ],
)
def test_wrong_flags_are_refused_at_once(words, says, capsys, tmp_path):
    try:
        code = main(["bench", *words, *(["--work-dir", str(tmp_path)] if words else [])])
    except SystemExit as exit:
        code = exit.code
    assert code == 2
    assert says in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} <= {LOCK}


def test_no_benchmark_is_imported_heavily_to_parse_a_command_line():
    modules = ", ".join(f"pipeline.bench.{name}" for name in BENCHES)
    check = f"import sys, pipeline.cli, {modules}; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0


@pytest.mark.parametrize("what", ["train", "gsu", "models"])
def test_help_teaches(what, capsys):
    with pytest.raises(SystemExit) as exit:
        main(["bench", what, "--help"])
    assert exit.value.code == 0
    out = capsys.readouterr().out
    assert "--length L" in out
    assert "default" in out
