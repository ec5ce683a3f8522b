"""`everlong submit`: the pipeline handed to Kubeflow, once or on a schedule."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import tempfile
import time
from pathlib import Path
from typing import Any

from pipeline.arguments import add_config, add_parameters
from pipeline.config import Config, load
from pipeline.errors import ConfigError
from pipeline.kubeflow.name import home, pipeline_name
from pipeline.kubeflow.parameters import check, from_words
from pipeline.terminal.console import quiet
from pipeline.terminal.exit_codes import DONE

SUMMARY = "compile the pipeline and hand it to Kubeflow, once or on a schedule"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument(
        "--endpoint", required=True, metavar="URL", help="address of Kubeflow Pipelines"
    )
    add_parameters(parser, "of the run")
    parser.add_argument(
        "--experiment", metavar="NAME", help="experiment of the runs (default: the pipeline's name)"
    )
    parser.add_argument("--namespace", metavar="NAME", help="where Kubeflow has several users")
    parser.add_argument(
        "--schedule",
        metavar="CRON",
        help="six fields, seconds first, such as '0 0 4 * * *': a run every day at 4",
    )
    parser.add_argument(
        "--replace",
        action="store_true",
        help="put the schedule in the place of the one that the experiment has of this pipeline; "
        "without it such a one is an error",
    )
    parser.add_argument(
        "--max-concurrency",
        type=int,
        default=1,
        metavar="N",
        help="runs of a schedule that may go on at a time (default: 1)",
    )
    parser.add_argument(
        "--no-catchup",
        action="store_true",
        help="do not run the times of a schedule that were missed",
    )
    parser.add_argument(
        "--wait", action="store_true", help="wait for the end of the run, which the exit code tells"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="compile, and say what would be handed over"
    )


def execute(arguments: argparse.Namespace) -> int:
    config = load(arguments.config, arguments.overrides)
    home(config)
    parameters = from_words(arguments.parameters)
    check(config, parameters)
    _check(arguments)
    name = pipeline_name(config)
    experiment = arguments.experiment or name
    with tempfile.TemporaryDirectory() as folder, quiet(Path(os.devnull)) as terminal:
        package = Path(folder) / "pipeline.yaml"
        with terminal.running("loading TensorFlow and TFX"):
            from pipeline.kubeflow.compile import compile_pipeline

            compile_pipeline(config, package)
        if arguments.dry_run:
            terminal.line(_told(arguments, config, experiment, parameters))
            return DONE
        from pipeline.kubeflow.submit import Job, Kubeflow, Schedule

        kubeflow = Kubeflow(arguments.endpoint, arguments.namespace)
        job = Job(
            package=package,
            name=name,
            experiment=experiment,
            parameters=parameters,
            root=config.kubeflow.pipeline_root,
            service_account=config.kubeflow.service_account,
        )
        if arguments.schedule is not None:
            schedule = Schedule(
                arguments.schedule, arguments.max_concurrency, not arguments.no_catchup
            )
            page = kubeflow.recur(job, schedule, arguments.replace)
            terminal.line(f"recurring run {page}")
            return DONE
        named = f"{name} {time.strftime('%Y-%m-%d %H:%M:%S')}"
        run, page = kubeflow.run(dataclasses.replace(job, name=named))
        terminal.line(f"run {page}")
        if not arguments.wait:
            return DONE
        with terminal.running("waiting for the run"):
            state, code = kubeflow.wait(run)
        terminal.line(f"run {state}: {page}")
    return code


def _check(arguments: argparse.Namespace) -> None:
    """Refuses what Kubeflow would refuse, or misunderstand, later.

    Raises:
      ConfigError: naming the flag.
    """
    if not re.fullmatch(r"https?://\S+", arguments.endpoint):
        raise ConfigError(
            f"--endpoint {arguments.endpoint!r}: must be an address such as http://localhost:8080"
        )
    if arguments.schedule is not None:
        fields = len(arguments.schedule.split())
        if fields != 6 and not arguments.schedule.startswith("@"):
            raise ConfigError(
                f"--schedule {arguments.schedule!r}: Kubeflow takes six fields, seconds first, "
                f"such as '0 0 4 * * *'. Received: {fields}"
            )
        if arguments.wait:
            raise ConfigError("--wait: a schedule has no end to wait for; leave one of both out")
    if arguments.replace and arguments.schedule is None:
        raise ConfigError("--replace: is of a schedule; give --schedule, or leave it out")
    if not 1 <= arguments.max_concurrency <= 10:
        raise ConfigError(f"--max-concurrency {arguments.max_concurrency}: Kubeflow takes 1 to 10")


def _told(
    arguments: argparse.Namespace, config: Config, experiment: str, parameters: dict[str, Any]
) -> str:
    """What would be handed over."""
    facts = {
        "endpoint": arguments.endpoint,
        "pipeline": pipeline_name(config),
        "experiment": experiment,
        "pipeline root": config.kubeflow.pipeline_root,
        "image": config.kubeflow.image,
        "parameters": json.dumps(parameters),
    }
    if arguments.schedule is not None:
        catchup = "no" if arguments.no_catchup else "yes"
        facts["schedule"] = (
            f"{arguments.schedule}, {arguments.max_concurrency} at a time, catch up: {catchup}"
        )
    lines = [f"  {name:<13} {value}" for name, value in facts.items()]
    return "\n".join(["compiled; nothing was handed over. It would be:", *lines])
