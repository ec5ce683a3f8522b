"""A step's settings in Kubeflow's formats: of its container, its task, and of Kubernetes.

The last are kfp-kubernetes' (github.com/kubeflow/pipelines,
kubernetes_platform/proto/kubernetes_executor_config.proto), names both as older and as newer
backends read them. So are quantities: newer ones as texts, Vertex AI's as numbers.
"""

from __future__ import annotations

import re
from typing import Any

from google.protobuf import duration_pb2
from kfp.pipeline_spec import pipeline_spec_pb2 as pb2

from pipeline.kubeflow_config import StepConfig

_UNITS = {
    "": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50,
}  # fmt: skip
_FIRST_WAIT, _LONGEST_WAIT = 60, 3600  # seconds before a retry, doubled each time


def resources(settings: StepConfig) -> dict[str, Any]:
    """The `resources` of a step's container; empty if it asks for none."""
    needed: dict[str, Any] = {}
    for name, value, unit in (("Cpu", settings.cpu, 1.0), ("Memory", settings.memory, 1e9)):
        if value is not None:
            small = name.lower()
            for bound in ("Limit", "Request"):
                needed[f"{small}{bound}"] = _number(value) / unit
                needed[f"resource{name}{bound}"] = value
    if settings.gpu is not None:
        needed["accelerator"] = {
            "type": settings.gpu_type,
            "count": settings.gpu,
            "resourceType": settings.gpu_type,
            "resourceCount": str(settings.gpu),
        }
    return needed


def retry_policy(settings: StepConfig) -> pb2.PipelineTaskSpec.RetryPolicy:
    """How a step's task is tried again."""
    return pb2.PipelineTaskSpec.RetryPolicy(
        max_retry_count=settings.retries,
        backoff_duration=duration_pb2.Duration(seconds=_FIRST_WAIT),
        backoff_factor=2.0,
        backoff_max_duration=duration_pb2.Duration(seconds=_LONGEST_WAIT),
    )


def platform_config(settings: StepConfig) -> dict[str, Any]:
    """A step's `KubernetesExecutorConfig`; empty if it has none."""
    written: dict[str, Any] = {}
    for to, reference in sorted(settings.secrets.items()):
        name, _, key = reference.partition("/")
        secret = {"secretName": name, "secretNameParameter": _constant(name), "optional": False}
        if to.startswith("/"):
            written.setdefault("secretAsVolume", []).append({"mountPath": to, **secret})
        else:
            keys = [{"secretKey": key, "envVar": to}]
            written.setdefault("secretAsEnv", []).append({"keyToEnv": keys, **secret})
    for folder, claim in sorted(settings.volumes.items()):
        mount = {"mountPath": folder, "constant": claim, "pvcNameParameter": _constant(claim)}
        written.setdefault("pvcMount", []).append(mount)
    if settings.node_selector:
        written["nodeSelector"] = {"labels": settings.node_selector}
    if settings.tolerations:
        written["tolerations"] = [
            toleration.model_dump(exclude_none=True) for toleration in settings.tolerations
        ]
    if settings.timeout is not None:
        written["activeDeadlineSeconds"] = str(settings.timeout)
    return written


def _constant(name: str) -> dict[str, Any]:
    return {"runtimeValue": {"constant": name}}


def _number(quantity: str) -> float:
    digits, unit = re.fullmatch(r"([0-9.]+)(.*)", quantity).groups()  # type: ignore[union-attr]
    return float(digits) * _UNITS[unit]
