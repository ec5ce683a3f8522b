"""What a run of one configuration reads and writes, and where a cluster takes pipelines."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from pathlib import Path

from pipeline.config import Config
from pipeline.destination import check_destination, serving_folder
from pipeline.doctor.probe import Doubt, Fault, Probe
from pipeline.kubeflow_config import TOKEN

HEALTH = "/apis/v2beta1/healthz"  # of Kubeflow Pipelines' API server
TIMEOUT_SECONDS = 5.0


def places(config: Config, output: Path) -> tuple[Probe, ...]:
    """The probes of a configuration's log and destination, for a run in the folder `output`."""

    def log() -> str:
        # Importing Beam takes long, so it waits until it is needed.
        from components.behavior_example_gen import check
        from components.behavior_example_gen.beam import progress

        before = progress.so_far().get("checked", 0)
        check.check_log(config.ingest)
        files = int(progress.so_far().get("checked", 0) - before)
        if not files:
            return "its source has no files to look into"
        return f"the first rows of {files:,} file{'' if files == 1 else 's'} are as configured"

    def push() -> str:
        check_destination(config, output)
        return f"versions can be written to {serving_folder(config, output)}"

    return (
        Probe("log", log, "mend log.folder and log.files"),
        Probe("push", push, "mend push.destination"),
    )


def kubeflow(endpoint: str) -> Probe:
    """The probe of Kubeflow Pipelines at a URL, as `everlong submit` takes it."""
    url = endpoint.rstrip("/") + HEALTH

    def look() -> str:
        token = os.environ.get(TOKEN)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            request = urllib.request.Request(url, headers=headers)
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
                health = json.load(response)
        except urllib.error.HTTPError as error:
            if error.code in (401, 403):
                raise Doubt(
                    f"{endpoint} answers, and wants to know who asks ({error.code}); {TOKEN} "
                    "must hold a token"
                ) from None
            raise Fault(f"{url} answers {error.code} {error.reason}; {_WAY_OUT}") from None
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise Fault(f"{endpoint} does not answer: {reason}; {_WAY_OUT}") from None
        except ValueError:
            raise Doubt(f"{endpoint} answers with a page, perhaps to log in; {_WAY_OUT}") from None
        return f"version {health.get('tag_name') or 'unknown'} answers at {endpoint}"

    return Probe("Kubeflow", look, _WAY_OUT)


_WAY_OUT = (
    "to reach a cluster without a gateway: kubectl port-forward -n kubeflow svc/ml-pipeline-ui "
    "8080:80, and --endpoint http://localhost:8080"
)
