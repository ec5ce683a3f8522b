"""A compiled pipeline, handed to Kubeflow Pipelines: as a run, or as a run that recurs."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import kfp_server_api
import urllib3
from kfp import client as kfp_client

from pipeline.errors import ConfigError
from pipeline.kubeflow_config import TOKEN
from pipeline.terminal.exit_codes import DONE, FAILED, INTERRUPTED

POLL_SECONDS = 10.0
_PAGE = 100  # recurring runs of an answer
_ENDED = {"SUCCEEDED": DONE, "SKIPPED": FAILED, "FAILED": FAILED, "CANCELED": INTERRUPTED}


@dataclasses.dataclass(frozen=True)
class Job:
    """What is handed over.

    Attributes:
      package: the compiled pipeline.
      name: of the run.
      experiment: that it belongs to; it is made if there is none.
      parameters: of the run.
      root: of its artifacts. Open-source Kubeflow does not read the one in the package.
      service_account: of its steps; None: the cluster's default.
    """

    package: Path
    name: str
    experiment: str
    parameters: Mapping[str, Any]
    root: str | None
    service_account: str | None


@dataclasses.dataclass(frozen=True)
class Schedule:
    """When a run recurs.

    Attributes:
      cron: six fields, seconds first, as Kubeflow takes them.
      max_concurrency: runs that may go on at a time.
      catchup: whether times that were missed are run later.
    """

    cron: str
    max_concurrency: int
    catchup: bool


class Kubeflow:
    """An endpoint of Kubeflow Pipelines.

    Args:
      endpoint: such as http://localhost:8080/pipeline.
      namespace: of the user, where there are several.
    """

    def __init__(self, endpoint: str, namespace: str | None = None) -> None:
        self._endpoint, self._namespace = endpoint.rstrip("/"), namespace
        with self._told():
            self._client = kfp_client.Client(
                host=endpoint,
                namespace=namespace or "kubeflow",
                existing_token=os.environ.get(TOKEN),
            )

    def run(self, job: Job) -> tuple[str, str]:
        """Starts a run; returns its id, and the address of its page.

        Raises:
          ConfigError: if Kubeflow cannot be reached, or refuses.
        """
        with self._told():
            run = self._client.run_pipeline(
                self._experiment(job.experiment),
                job.name,
                str(job.package),
                params=dict(job.parameters),
                pipeline_root=job.root,
                service_account=job.service_account,
            )
        return run.run_id, f"{self._endpoint}/#/runs/details/{run.run_id}"

    def recur(self, job: Job, schedule: Schedule, replace: bool) -> str:
        """Makes a run that recurs; returns the address of its page.

        Two of one pipeline would train twice a day, and write one folder at a time.

        Args:
          job: what recurs.
          schedule: when.
          replace: whether recurring runs of that name in the experiment are deleted, as soon as
            the new one is there; if not, such a one is an error.

        Raises:
          ConfigError: if there is one, Kubeflow cannot be reached, or refuses.
        """
        with self._told():
            experiment = self._experiment(job.experiment)
            earlier = list(self._recurring(experiment, job.name))
            if earlier and not replace:
                raise ConfigError(
                    f"--schedule: {job.name!r} recurs already in the experiment "
                    f"{job.experiment!r}: {', '.join(map(self._page, earlier))}; --replace puts "
                    "this schedule in its place, and another --experiment beside it"
                )
            made = self._client.create_recurring_run(
                experiment,
                job.name,
                cron_expression=schedule.cron,
                max_concurrency=schedule.max_concurrency,
                no_catchup=not schedule.catchup,
                params=dict(job.parameters),
                pipeline_package_path=str(job.package),
                pipeline_root=job.root,
                service_account=job.service_account,
            )
            for one in earlier:
                self._client.delete_recurring_run(one)
        return self._page(made.recurring_run_id)

    def wait(self, run: str) -> tuple[str, int]:
        """Waits for a run's end; returns its state and the exit code that tells it.

        kfp's own waiting does not know that a run may be cancelled.
        """
        while True:
            with self._told():
                state = self._client.get_run(run).state or ""
            if state in _ENDED:
                return state, _ENDED[state]
            time.sleep(POLL_SECONDS)

    def _recurring(self, experiment: str, name: str) -> Iterator[str]:
        """Yields the ids of an experiment's recurring runs of that name."""
        page = ""
        while True:
            found = self._client.list_recurring_runs(page, _PAGE, experiment_id=experiment)
            yield from (
                one.recurring_run_id
                for one in found.recurring_runs or ()
                if one.display_name == name
            )
            page = found.next_page_token or ""
            if not page:
                return

    def _page(self, recurring: str) -> str:
        return f"{self._endpoint}/#/recurringrun/details/{recurring}"

    def _experiment(self, name: str) -> str:
        return self._client.create_experiment(name, namespace=self._namespace).experiment_id

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Turns the client's errors into a sentence."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # of versions before 2
                yield
        except urllib3.exceptions.HTTPError as error:
            reason = str(getattr(error, "reason", error)).rpartition(": ")[2]
            raise ConfigError(
                f"--endpoint {self._endpoint}: cannot be reached: {reason}. Give the address of "
                "Kubeflow Pipelines, such as of `kubectl port-forward svc/ml-pipeline-ui 8080:80`"
            ) from None
        except kfp_server_api.ApiException as error:
            hint = f"; {TOKEN} must hold a token" if error.status in (401, 403) else ""
            told = " ".join(str(error.body or error.reason).split())[:300]
            raise ConfigError(
                f"--endpoint {self._endpoint}: Kubeflow refuses ({error.status}): {told}{hint}"
            ) from None
