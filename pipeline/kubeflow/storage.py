"""Where a step finds what Kubeflow names by a URI.

Open-source Kubeflow's launcher copies a step's inputs from the object store to /gcs, /s3 or /minio
before it begins, and its outputs back when it has ended
(github.com/kubeflow/pipelines, backend/src/v2/component/launcher_v2.go: LocalPathForURI). Vertex AI
mounts buckets at /gcs, and TensorFlow opens gs:// itself. A volume's folder is a path already.
"""

from __future__ import annotations

import os

from tfx.dsl.io import fileio
from tfx.utils import io_utils

from components import object_store  # noqa: F401  # makes s3:// and minio:// known

_MOUNTS = {"gs://": "/gcs/", "s3://": "/s3/", "minio://": "/minio/"}
# Where the launcher lies in a pod; there, the mounts are empty folders that end with the step.
_LAUNCHER = "/kfp-launcher"


def artifact_path(uri: str) -> str:
    """The path at which a step reads or writes an artifact."""
    path, there = _mounted(uri)
    return uri if uri.startswith("gs://") and not there else path  # TensorFlow opens gs:// alone


def earlier_path(uri: str) -> str:
    """The path of an earlier run's artifact, which only this step itself copies to where it is."""
    path, lasting = artifact_path(uri), lasting_path(uri)
    if path != lasting and not os.path.exists(path) and fileio.exists(lasting):
        io_utils.copy_dir(lasting, path)
    return path


def lasting_path(uri: str) -> str:
    """The path of what steps leave beside their artifacts for later runs, in no pod's own folder.

    TensorFlow's and TFX's file operations open it.
    """
    path, there = _mounted(uri)
    return uri if not there or os.path.isdir(_LAUNCHER) else path


def checkpoint_path(uri: str) -> str:
    """The path of checkpoints, which TensorFlow writes itself: lasting, where it can."""
    path = lasting_path(uri)
    return path if path.startswith("gs://") or "://" not in path else artifact_path(uri)


def _mounted(uri: str) -> tuple[str, bool]:
    """Where a URI is mounted, and whether its bucket is; a path is where it is."""
    for scheme, mount in _MOUNTS.items():
        if uri.startswith(scheme):
            inside = uri.removeprefix(scheme)
            return mount + inside, os.path.isdir(mount + inside.partition("/")[0])
    return uri, True
