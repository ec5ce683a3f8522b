"""The `kubeflow` section: where the cluster keeps things, and what each step gets there."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import pydantic
from pydantic import Field

from components import secrets
from models.section import Section
from pipeline import __version__

TOKEN = "KFP_TOKEN"  # environment variable with a bearer token, where Kubeflow asks for one

# The steps of a compiled pipeline; `default` is what all of them get.
StepName = Literal[
    "default",
    "Configuration",
    "BehaviorExampleGen",
    "StatisticsGen",
    "ImportSchemaGen",
    "ExampleValidator",
    "Transform",
    "Trainer",
    "Predecessors",
    "Evaluator",
    "EvaluationReport",
    "Pusher",
]
_ENV = r"[A-Za-z_][A-Za-z0-9_]*"
_NAME = r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?"  # of an object in Kubernetes, such as a secret
_QUANTITY = r"^[0-9]+(\.[0-9]+)?(m|k|[KMGTP]i|[MGTP])?$"
_Variables = Annotated[dict[Annotated[str, Field(pattern=f"^{_ENV}$")], str], Field()]


class Toleration(Section):
    """A taint of nodes that a step may be scheduled on."""

    key: str | None = Field(None, description="Key of the taint; null: every key.")
    operator: Literal["Equal", "Exists"] = Field("Equal", description="How `value` is compared.")
    value: str | None = Field(None, description="Value of the taint, for `Equal`.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        None, description="Effect of the taint; null: every effect."
    )


class StepConfig(Section):
    """What a step's container gets from the cluster."""

    image: str | None = Field(None, description="Image of the step; null: `kubeflow.image`.")
    cpu: str | None = Field(
        None, pattern=_QUANTITY, description="CPUs requested, and its limit, such as '4' or 500m."
    )
    memory: str | None = Field(
        None, pattern=_QUANTITY, description="Memory requested, and its limit, such as 16Gi."
    )
    gpu: int | None = Field(None, ge=1, le=64, description="Number of accelerators; null: none.")
    gpu_type: str = Field(
        "nvidia.com/gpu",
        description="Kubernetes' name of the accelerator; on Vertex AI such as NVIDIA_TESLA_T4.",
    )
    retries: int = Field(
        0, ge=0, le=100, description="How often a failed step is tried again, after 60 s and more."
    )
    timeout: int | None = Field(
        None, ge=1, le=10**8, description="Seconds after which the step's pod is stopped."
    )
    env: _Variables = Field({}, description="Environment variables; for secrets, see `secrets`.")
    secrets: dict[str, str] = Field(
        {},
        description="Kubernetes' secrets: VARIABLE: secret/key sets an environment variable, "
        "/folder: secret mounts all keys as files.",
    )
    volumes: dict[str, str] = Field(
        {}, description="Persistent volume claims by the folder where they are mounted: /mnt: claim"
    )
    node_selector: dict[str, str] = Field({}, description="Labels that the step's node must have.")
    tolerations: list[Toleration] = Field([], description="Taints that the step's node may have.")

    @pydantic.field_validator("cpu", "memory", mode="before")
    @classmethod
    def _numbers_are_quantities(cls, value: object) -> object:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return str(value) if number else value

    @pydantic.field_validator("env", mode="before")
    @classmethod
    def _numbers_are_texts(cls, env: object) -> object:
        if not isinstance(env, dict):
            return env
        number = (int, float)
        return {
            name: str(value) if isinstance(value, number) and value is not True else value
            for name, value in env.items()
        }

    @pydantic.field_validator("env")
    @classmethod
    def _no_secrets(cls, env: dict[str, str]) -> dict[str, str]:
        if found := next(secrets.literals(env), None):
            raise ValueError(
                f"`{found}` looks like a secret, and the compiled pipeline would hold it. "
                f"Received: a literal value, not shown; write {found}: SECRET/KEY under `secrets`"
            )
        return env

    @pydantic.field_validator("secrets")
    @classmethod
    def _refer(cls, named: dict[str, str]) -> dict[str, str]:
        for to, name in named.items():
            mounts = to.startswith("/")
            if not mounts and not re.fullmatch(_ENV, to):
                raise ValueError(f"takes names of variables, and folders. Received: {to!r}")
            form = _NAME if mounts else f"{_NAME}/[-._a-zA-Z0-9]+"
            if not re.fullmatch(form, name):  # it may be the secret itself, so it is not shown
                raise ValueError(
                    f"`{to}` must refer to a secret in Kubernetes, as "
                    f"{'NAME' if mounts else 'NAME/KEY'}. Received: something else, not shown"
                )
        return named

    @pydantic.field_validator("volumes")
    @classmethod
    def _mounts(cls, volumes: dict[str, str]) -> dict[str, str]:
        for folder, claim in volumes.items():
            if not folder.startswith("/") or not re.fullmatch(_NAME, claim):
                raise ValueError(
                    f"takes absolute folders, and names of claims. Received: {folder}: {claim}"
                )
        return volumes


class KubeflowConfig(Section):
    """How the pipeline runs on Kubeflow."""

    image: str = Field(
        f"everlong:{__version__}", description="Image of every step, built from docker/Dockerfile."
    )
    pipeline_root: str | None = Field(
        None,
        description="Where the cluster keeps artifacts, models and pointers: gs://, s3:// or "
        "minio://. An absolute folder suits who runs the steps otherwise; Kubeflow takes none.",
    )
    service_account: str | None = Field(
        None,
        pattern=f"^{_NAME}$",
        description="Kubernetes' service account of all steps, which Kubeflow takes with a run: "
        "`everlong submit` gives it.",
    )
    steps: dict[StepName, StepConfig] = Field(
        {}, description="What steps get, by their names; `default`: every step, if its own is unset"
    )

    def step(self, name: str) -> StepConfig:
        """What a step gets: its own settings, and of `default` those that it does not set.

        Variables, secrets, volumes and labels of both are put together.
        """
        default = self.steps.get("default", StepConfig())
        own = self.steps.get(name, StepConfig())  # type: ignore[call-overload]
        values = {key: getattr(default, key) for key in default.model_fields_set}
        for key in own.model_fields_set:
            value = getattr(own, key)
            merged = isinstance(value, dict) and isinstance(values.get(key), dict)
            values[key] = {**values[key], **value} if merged else value
        return StepConfig.model_validate(values)
