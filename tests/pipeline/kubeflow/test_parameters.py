"""Parameters of a run: what each changes, and what is refused."""

import json
import re

import pytest

from pipeline import config as configuration
from pipeline.errors import ConfigError
from pipeline.kubeflow.parameters import PARAMETERS, check, configured, from_words


def compiled(name="demo", *overrides):
    config = configuration.load(name, list(overrides))
    return config.model_dump(mode="json", exclude_unset=True)


def test_a_run_without_parameters_is_as_compiled():
    for path in configuration.SHIPPED.glob("*.yaml"):
        config = configuration.load(path.stem)
        again = configured(config.model_dump(mode="json", exclude_unset=True), {})
        assert again.model_dump_json() == config.model_dump_json()


def test_a_default_changes_nothing():
    defaults = {name: parameter.default for name, parameter in PARAMETERS.items()}
    assert configured(compiled(), defaults).hash == configuration.load("demo").hash


def test_each_parameter_changes_its_key():
    values = compiled("taobao", "log.folder=/here")
    given = {"log_folder": "gs://b/log", "push_destination": "/serving", "train_steps": 12.0}
    config = configured(values, given)
    assert config.log.folder == "gs://b/log"
    assert config.push.destination == "/serving"
    assert config.training.max_steps == 12
    assert values == compiled("taobao", "log.folder=/here")  # untouched


@pytest.mark.parametrize(
    "pairs",
    [
        "model.name=mirrn  gate.min_auc=0.25 'log.simulator.users=77'",
        "model.name=mirrn\ngate.min_auc=0.25\nlog.simulator.users=77",
        json.dumps(["model.name=mirrn", "gate.min_auc=0.25", "log.simulator.users=77"]),
    ],
)
def test_overrides_are_pairs_as_of_set(pairs):
    values = {"name": "d", "log": {"simulator": {}}, "label": {"column": "label"}}
    config = configured(values, {"config_overrides": pairs})
    assert (config.model.name, config.gate.min_auc) == ("mirrn", 0.25)
    assert config.log.simulator.users == 77


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ("modell.name=x", "the parameters of the run: modell: unknown key .* nearest .* model$"),
        ("x", "config_overrides: 'x': write section.key=value"),
        ("name=other", "config_overrides: `name` is part of the compiled pipeline; compile it"),
        ("kubeflow.image=x", "`kubeflow` is part of the compiled pipeline"),
        ("beam.args=[--runner=FlinkRunner]", "`beam.args` is part of the compiled pipeline"),
        ("a='b", r"config_overrides: must be KEY=VALUE pairs, .*\(No closing quotation\)"),
        ('["a"', "config_overrides: must be KEY=VALUE pairs"),
    ],
)
def test_overrides_that_cannot_be_used_are_refused(pairs, words):
    with pytest.raises(ConfigError, match=words):
        configured(compiled(), {"config_overrides": pairs})


@pytest.mark.parametrize(
    ("date", "day"),
    [
        ("2026-08-31", "2026/08/31-00"),
        ("20260831", "2026/08/31-00"),
        ("20260831040000", "2026/08/31-04"),  # [[ScheduledTime]]
        ("2026-08-31T04:00:00Z", "2026/08/31-04"),
    ],
)
def test_a_date_is_put_into_the_paths_of_the_log(date, day):
    files = "log.files=['{YYYY}/{MM}/{DD}-{HH}.csv']"
    assert configured(compiled("taobao", files), {"run_date": date}).log.files == [f"{day}.csv"]


def test_a_date_is_put_into_every_table_and_into_a_folder_that_is_a_parameter():
    values = compiled(
        "taobao", "log.tables={items: {of: item, files: 'items-{YYYY}{MM}{DD}.csv', key: i}}"
    )
    config = configured(values, {"run_date": "2026-02-03", "log_folder": "/log/{YYYY}-{MM}"})
    assert config.log.folder == "/log/2026-02"
    assert config.log.tables["items"].files == "items-20260203.csv"


@pytest.mark.parametrize("date", ["", "2026-13-01", "yesterday", "[[ScheduledTime]]", "2026"])
def test_a_path_with_a_date_needs_one(date):
    with pytest.raises(ConfigError, match=r"^run_date: must be "):
        configured(compiled("taobao", "log.files='{DD}.csv'"), {"run_date": date})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"config_overrides": "model.top_k=banana"}, "parameters of the run: model.top_k: Input"),
        ({"config_overrides": "model.topk=3"}, "model.topk: unknown key"),
        ({"run_date": ""}, "run_date: must be given"),
        ({"run_date": "[[ScheduledTime]] or so"}, "run_date: must be a day"),
    ],
)
def test_what_the_first_step_would_refuse_is_refused_before(given, words):
    taobao = configuration.load("taobao", ["log.files='{DD}.csv'"])
    check(taobao, {"run_date": "[[ScheduledTime]]", "train_steps": 3})
    with pytest.raises(ConfigError, match=re.escape(words)):
        check(taobao, {"run_date": "[[ScheduledTime]]", **given})


def test_words_of_a_command_line_are_values():
    words = ["run_date=2026-08-31", "train_steps=20", "config_overrides=a=b c=d"]
    values = {"run_date": "2026-08-31", "train_steps": 20, "config_overrides": "a=b c=d"}
    assert from_words(words) == values


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("run_dat=1", "--parameter run_dat: no such parameter; the nearest is run_date; param"),
        ("train_steps=many", "--parameter train_steps: must be a whole number. Received: 'many'"),
        ("train_steps", "--parameter 'train_steps': write NAME=VALUE"),
    ],
)
def test_words_that_are_none_are_refused(word, words):
    with pytest.raises(ConfigError, match=words):
        from_words([word])
