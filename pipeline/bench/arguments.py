"""Arguments that several benchmarks share."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pydantic

from models.config import MODELS
from pipeline.arguments import add_config
from pipeline.config import Config, check_length, load
from pipeline.errors import ConfigError, describe


def add_measured(
    parser: argparse.ArgumentParser, models: Collection[str], lengths: str, rounds: int
) -> None:
    """Adds what is measured, `--model` and `--length`, how often, and where results go.

    Args:
      parser: of the benchmark.
      models: names to choose from.
      lengths: what is measured where no `--length` is given, in words.
      rounds: the default of `--rounds`.
    """
    add_config(parser)
    parser.add_argument(
        "--model",
        action="append",
        choices=sorted(models),
        metavar="NAME",
        dest="models",
        help=f"a model to measure, may be repeated: {', '.join(sorted(models))}; it keeps what the "
        "configuration's `model` section says where it has the key too (default: that model)",
    )
    parser.add_argument(
        "--length",
        action="append",
        type=positive,
        metavar="L",
        dest="lengths",
        help=f"length of the history, may be repeated (default: {lengths})",
    )
    parser.add_argument(
        "--rounds",
        type=positive,
        default=rounds,
        metavar="N",
        help="times that everything is measured, in turn; the medians are shown, the JSON has all "
        f"(default: {rounds})",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write rows and all that made them to FILE"
    )
    parser.add_argument(
        "--work-dir",
        type=Path,
        default=Path("runs/bench"),
        metavar="DIR",
        help="folder of logs and intermediate data (default: runs/bench)",
    )


def add_synthetic(parser: argparse.ArgumentParser, users: int, targets: int) -> None:
    """Adds the shape of a random batch, how it is compiled, and the export of its program."""
    parser.add_argument(
        "--users", type=positive, default=users, metavar="B", help=f"users (default: {users})"
    )
    parser.add_argument(
        "--targets",
        type=positive,
        default=targets,
        metavar="T",
        help=f"targets of each user (default: {targets})",
    )
    parser.add_argument(
        "--items",
        type=positive,
        default=1_000_000,
        metavar="N",
        help="rows of the item table, read at random (default: 1000000)",
    )
    parser.add_argument(
        "--jit",
        choices=["auto", "on", "off"],
        default="auto",
        help="compile by XLA; auto: on a GPU only, as the Trainer does (default)",
    )
    parser.add_argument(
        "--export-hlo",
        type=Path,
        metavar="DIR",
        help="also write the XLA program of each row, with inputs and outputs, to DIR as .npz",
    )


def synthetic_options(parsed: argparse.Namespace) -> dict[str, Any]:
    """Returns what `add_synthetic` added, as the options of a job; makes the folder of programs."""
    if parsed.export_hlo:
        parsed.export_hlo.mkdir(parents=True, exist_ok=True)
    return {
        "users": parsed.users,
        "targets": parsed.targets,
        "items": parsed.items,
        "jit": parsed.jit,
        "hlo": str(parsed.export_hlo.resolve()) if parsed.export_hlo else None,
    }


def positive(text: str) -> int:
    """Returns the whole number that `text` is.

    Raises:
      argparse.ArgumentTypeError: if it is none, or not positive.
    """
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a positive whole number. Received: {text!r}")
    return number


def configs(parsed: argparse.Namespace, models: Collection[str] = MODELS) -> list[Config]:
    """Returns the configurations of the models that are measured.

    Args:
      parsed: with what `add_measured` adds.
      models: names of those that can be.

    Raises:
      ConfigError: naming every wrong key, its value and the nearest valid key.
    """
    config = load(parsed.config, parsed.overrides)
    names = parsed.models or [config.model.name]
    if names[0] not in models:
        raise ConfigError(
            f"--config {parsed.config}: its model, {names[0]}, cannot be measured here; give "
            f"--model, one of {', '.join(sorted(models))}"
        )
    return [with_model(config, name) for name in dict.fromkeys(names)]


def with_length(config: Config, length: int) -> Config:
    """Returns the configuration with histories of at most `length` behaviours.

    Raises:
      ConfigError: if its model cannot read as many.
    """
    try:
        check_length(config.model, length)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    history = config.history.model_copy(update={"max_length": length})
    return config.model_copy(update={"history": history})


def with_model(config: Config, name: str) -> Config:
    """Returns the configuration with the model `name`, which keeps the keys that it has too."""
    section = MODELS[name]
    given = config.model.model_dump(exclude_unset=True)
    kept = {key: value for key, value in given.items() if key in section.model_fields}
    try:
        model = section.model_validate(kept | {"name": name})
    except pydantic.ValidationError as error:
        raise ConfigError(describe(error, section, f"--model {name}")) from None
    return config.model_copy(update={"model": model})
