"""What each command of `everlong` does; heavy imports wait until the input has been checked."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import yaml

from components.errors import InputError
from pipeline import __version__
from pipeline.config import load
from pipeline.console import quiet
from pipeline.errors import ConfigError
from pipeline.exits import DONE, NOT_BLESSED


def run(arguments: argparse.Namespace) -> int:
    """`everlong run`: the whole pipeline on this machine."""
    from components.behavior_example_gen.check import check_log

    config = load(arguments.config, arguments.overrides)
    output = (arguments.output_dir or Path("runs") / config.name).resolve()
    check_log(config.ingest)
    log = output / "log.txt"
    with quiet(log) as terminal:
        terminal.line(f"everlong {__version__}: {config.name}, configuration {config.hash}")
        terminal.line(f"output {output}, log {log}")
        with terminal.running("loading TensorFlow and TFX"):
            from pipeline import failures, local_runner
            from pipeline.summary import render
        try:
            summary = local_runner.run(config, output, terminal, arguments.from_node)
        except local_runner.ComponentFailed as error:
            return failures.explain(error, log, terminal)
        terminal.line(render(summary))
    return DONE if summary["blessed"] else NOT_BLESSED


def config(arguments: argparse.Namespace) -> int:
    """`everlong config`: every key explained, or one configuration checked and printed in full."""
    if arguments.explain:
        from pipeline.explain import explain

        print("\n".join(explain()))
        return DONE
    if arguments.config is None:
        raise ConfigError("config: give --explain, or --config FILE to check one")
    loaded = load(arguments.config, arguments.overrides)
    print(
        yaml.safe_dump(loaded.model_dump(mode="json"), sort_keys=False, allow_unicode=True), end=""
    )
    return DONE


def simulate(arguments: argparse.Namespace) -> int:
    """`everlong simulate`: the simulated log of a configuration as a file."""
    from components.simulator import describe
    from components.simulator.write import write

    simulator = load(arguments.config, arguments.overrides).log.simulator
    if simulator is None:
        raise InputError(
            f"--config {arguments.config}: has no log.simulator section; `--config demo` has one"
        )
    table = write(simulator, arguments.out)
    for name, value in describe(table).items():
        print(f"{name:<16} {value:,.4g}" if isinstance(value, float) else f"{name:<16} {value:,}")
    print(f"written to {arguments.out}")
    return DONE


def compile_(arguments: argparse.Namespace) -> int:
    """`everlong compile`: the pipeline in an orchestrator's own format."""
    from components.behavior_example_gen.check import check_log

    loaded = load(arguments.config, arguments.overrides)
    check_log(loaded.ingest)
    with quiet(Path(os.devnull)) as terminal, terminal.running("loading TensorFlow and TFX"):
        from pipeline.kubeflow_runner import compile_pipeline

        compile_pipeline(loaded, arguments.out)
    print(f"written to {arguments.out}; every step runs image {loaded.kubeflow.image}")
    return DONE
