"""Names in Kubeflow: of a pipeline, its own steps, and the place of what lasts from run to run."""

from __future__ import annotations

import re

from pipeline.config import Config
from pipeline.errors import ConfigError

# The steps that are no component's: the first, and the one that looks up earlier results.
CONFIGURATION, PREDECESSORS = "Configuration", "Predecessors"
_LEGAL = re.compile(r"[a-z0-9]([a-z0-9-]{0,126}[a-z0-9])?")
_ROOT = re.compile(r"(?:(?:gs|s3|minio)://[^/?\s]+(?:/[^?\s]*)?(?:\?\S*)?|/\S*)")


def pipeline_name(config: Config) -> str:
    """The configuration's name as Kubeflow takes it: small letters, digits and `-`.

    Raises:
      ConfigError: if there is none.
    """
    name = config.name.lower().replace("_", "-")
    if not _LEGAL.fullmatch(name):
        raise ConfigError(
            f"name: {config.name!r} becomes {name!r} in Kubeflow, where a name must end in a "
            "letter or a digit; choose another"
        )
    return name


def home(config: Config) -> str:
    """The folder below `kubeflow.pipeline_root` that is the same for all runs of a pipeline.

    Raises:
      ConfigError: if there is no root that Kubeflow can use.
    """
    root = config.kubeflow.pipeline_root
    if root is None:
        raise ConfigError(
            "kubeflow.pipeline_root: must be given for Kubeflow, such as "
            "--set kubeflow.pipeline_root=gs://bucket/everlong"
        )
    if not _ROOT.fullmatch(root):
        raise ConfigError(
            "kubeflow.pipeline_root: must be gs://, s3:// or minio:// with a bucket, or an "
            f"absolute folder of a volume. Received: {root!r}"
        )
    return f"{root.partition('?')[0].rstrip('/')}/{pipeline_name(config)}"
