"""What may be given to a run of a compiled pipeline, and how it changes the configuration.

`run_date` makes `{YYYY}`, `{MM}`, `{DD}`, `{HH}` in paths of the log that day's, as TFX's spans do
(https://www.tensorflow.org/tfx/guide/examplegen). Kubeflow fills in `[[ScheduledTime]]` of a
recurring run with 14 digits.
"""

from __future__ import annotations

import copy
import dataclasses
import datetime
import difflib
import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

from pipeline.config import Config, build
from pipeline.errors import ConfigError

_DATE_PART = re.compile(r"\{(YYYY|MM|DD|HH)\}")
_FORMATS = {"YYYY": "%Y", "MM": "%m", "DD": "%d", "HH": "%H"}
# Kubeflow puts the time of the run in the place of such words.
_KUBEFLOWS_TIME = re.compile(r"\[\[\w+\]\]")
# What a compiled pipeline holds outside of its parameters.
_COMPILED = ("name", "kubeflow", "beam.args")


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A parameter of the compiled pipeline.

    Attributes:
      default: what stands for "as configured"; its type is the parameter's.
      description: what Kubeflow's page shows.
    """

    default: str | int
    description: str


PARAMETERS: dict[str, Parameter] = {
    "log_folder": Parameter("", "Folder of the log, instead of log.folder."),
    "run_date": Parameter(
        "",
        "Day that {YYYY}, {MM}, {DD} and {HH} in paths of the log stand for: 2026-08-31, "
        "20260831040000, or [[ScheduledTime]] in a recurring run.",
    ),
    "push_destination": Parameter("", "Where models are pushed to, instead of push.destination."),
    "train_steps": Parameter(0, "Steps of training, instead of training.max_steps."),
    "config_overrides": Parameter(
        "", "KEY=VALUE pairs as of --set, separated as in a shell; or a JSON list of them."
    ),
}


def from_words(words: list[str]) -> dict[str, Any]:
    """Values of parameters, as Kubeflow must be given them.

    Args:
      words: NAME=VALUE each, as of a command line.

    Raises:
      ConfigError: if there is no such parameter, or it is a number and the value none.
    """
    values: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise ConfigError(f"--parameter {word[:80]!r}: write NAME=VALUE")
        if name not in PARAMETERS:
            near = difflib.get_close_matches(name, PARAMETERS, 1)
            hint = f"; the nearest is {near[0]}" if near else ""
            raise ConfigError(
                f"--parameter {name}: no such parameter{hint}; parameters: {', '.join(PARAMETERS)}"
            )
        values[name] = value
        if isinstance(PARAMETERS[name].default, int):
            if not (value.isascii() and value.isdecimal()):
                raise ConfigError(
                    f"--parameter {name}: must be a whole number. Received: {value!r}"
                )
            values[name] = int(value)
    return values


def check(config: Config, given: Mapping[str, Any]) -> None:
    """Refuses, before anything is compiled, what the first step of the run would refuse.

    Args:
      config: what is compiled.
      given: values of the parameters; of a recurring run's times, Kubeflow's own words.

    Raises:
      ConfigError: as `configured`.
    """
    some_day = _KUBEFLOWS_TIME.sub("20260831040000", str(given.get("run_date") or ""))
    values = config.model_dump(mode="json", exclude_unset=True)
    configured(values, {**given, "run_date": some_day})


def configured(values: Mapping[str, Any], given: Mapping[str, Any]) -> Config:
    """The configuration of a run.

    Args:
      values: the compiled configuration, without defaults, so that another model may be named.
      given: values of the parameters; a default changes nothing.

    Raises:
      ConfigError: naming the parameter and its fault.
    """
    compiled = build(copy.deepcopy(dict(values)), [], "the compiled configuration", "--set")
    overrides = _pairs(str(given.get("config_overrides") or ""))
    for name, key in (
        ("log_folder", "log.folder"),
        ("push_destination", "push.destination"),
        ("train_steps", "training.max_steps"),
    ):
        if value := given.get(name):
            overrides.append(f"{key}={json.dumps(int(value) if name == 'train_steps' else value)}")
    changed, source = copy.deepcopy(dict(values)), "the parameters of the run"
    config = build(changed, overrides, source, "config_overrides:")
    for key in _COMPILED:
        if _at(config, key) != _at(compiled, key):
            raise ConfigError(
                f"config_overrides: `{key}` is part of the compiled pipeline; compile it again "
                f"with --set {key}=…"
            )
    if _put_date(changed["log"], str(given.get("run_date") or "")):
        config = build(changed, [], source, "config_overrides:")
    return config


def _pairs(text: str) -> list[str]:
    """The KEY=VALUE pairs of a text."""
    try:
        pairs = json.loads(text) if text.lstrip().startswith("[") else shlex.split(text)
    except ValueError as error:
        raise ConfigError(
            f"config_overrides: must be KEY=VALUE pairs, separated as in a shell, or a JSON list "
            f"of them ({error}). Received: {text[:80]!r}"
        ) from None
    return [str(pair) for pair in pairs]


def _at(config: Config, key: str) -> Any:
    value: Any = config
    for part in key.split("."):
        value = getattr(value, part)
    return value


def _put_date(log: dict[str, Any], date: str) -> bool:
    """Puts the day into the paths of a log's tables; whether there was any to put."""
    when, found = _time(date) if date else None, False

    def put(text: str) -> str:
        nonlocal found
        if not _DATE_PART.search(text):
            return text
        if when is None:
            raise ConfigError(
                f"run_date: must be given, since the log's path has a date: {text!r}; such as "
                "run_date=2026-08-31"
            )
        found = True
        return _DATE_PART.sub(lambda part: when.strftime(_FORMATS[part[1]]), text)

    for table in (log, log.get("impressions") or {}, *(log.get("tables") or {}).values()):
        for key in {"folder", "files"} & set(table or {}):
            value = table[key]
            table[key] = [put(text) for text in value] if isinstance(value, list) else put(value)
    return found


def _time(date: str) -> datetime.datetime:
    digits = re.sub(r"[-T:Z \[\]]", "", date)
    for size, form in ((8, "%Y%m%d"), (10, "%Y%m%d%H"), (14, "%Y%m%d%H%M%S")):
        if len(digits) == size and digits.isdigit():
            try:
                return datetime.datetime.strptime(digits, form)
            except ValueError:
                break
    raise ConfigError(
        f"run_date: must be a day such as 2026-08-31, or 14 digits as of [[ScheduledTime]]. "
        f"Received: {date[:80]!r}"
    )
