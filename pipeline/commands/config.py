"""`everlong config`: every key explained, or one configuration checked, in full or explained."""

from __future__ import annotations

import argparse

import yaml

from pipeline.arguments import add_config
from pipeline.config import load
from pipeline.errors import ConfigError
from pipeline.terminal.exit_codes import DONE

SUMMARY = "check a configuration, or explain every key"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser, required=False)
    parser.add_argument(
        "--explain",
        action="store_true",
        help="print every key with its meaning; with --config, those that it sets",
    )


def execute(arguments: argparse.Namespace) -> int:
    from pipeline.data_schema import checked_schema
    from pipeline.explain import explain, explain_given

    if arguments.config is None:
        if not arguments.explain:
            raise ConfigError("config: give --explain, or --config FILE to check one")
        print("\n".join(explain()))
        return DONE
    loaded = load(arguments.config, arguments.overrides)
    checked_schema(loaded)
    if arguments.explain:
        print("\n".join(explain_given(loaded)))
        return DONE
    print(
        yaml.safe_dump(loaded.model_dump(mode="json"), sort_keys=False, allow_unicode=True), end=""
    )
    return DONE
