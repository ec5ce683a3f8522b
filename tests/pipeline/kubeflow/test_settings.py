"""A step's settings, in the words of Kubeflow's own formats.

The expected documents are of kfp-kubernetes' snapshots (github.com/kubeflow/pipelines,
kubernetes_platform/python/test/snapshot/data).
"""

import pytest
from google.protobuf import json_format

from pipeline import config as configuration
from pipeline.errors import ConfigError
from pipeline.kubeflow.settings import platform_config, resources, retry_policy
from pipeline.kubeflow_config import KubeflowConfig, StepConfig


def test_resources_are_told_to_new_and_old_backends():
    settings = StepConfig(cpu="500m", memory="16Gi", gpu=2)
    assert resources(settings) == {
        "cpuLimit": 0.5,
        "cpuRequest": 0.5,
        "resourceCpuLimit": "500m",
        "resourceCpuRequest": "500m",
        "memoryLimit": 17.179869184,
        "memoryRequest": 17.179869184,
        "resourceMemoryLimit": "16Gi",
        "resourceMemoryRequest": "16Gi",
        "accelerator": {
            "type": "nvidia.com/gpu",
            "count": 2,
            "resourceType": "nvidia.com/gpu",
            "resourceCount": "2",
        },
    }
    assert resources(StepConfig()) == {}


def test_retries_wait_longer_each_time():
    assert json_format.MessageToDict(retry_policy(StepConfig(retries=3))) == {
        "maxRetryCount": 3,
        "backoffDuration": "60s",
        "backoffFactor": 2.0,
        "backoffMaxDuration": "3600s",
    }


def test_settings_of_kubernetes_are_kfp_kubernetes_document():
    settings = StepConfig(
        secrets={"SECRET_VAR": "my-secret/password", "/mnt/my-secret": "other"},
        volumes={"/data": "claim"},
        node_selector={"cloud.google.com/gke-accelerator": "nvidia-tesla-p4"},
        tolerations=[{"key": "key1", "value": "value1", "effect": "NoExecute"}],
        timeout=20,
    )
    assert platform_config(settings) == {
        "secretAsEnv": [
            {
                "keyToEnv": [{"envVar": "SECRET_VAR", "secretKey": "password"}],
                "optional": False,
                "secretName": "my-secret",
                "secretNameParameter": {"runtimeValue": {"constant": "my-secret"}},
            }
        ],
        "secretAsVolume": [
            {
                "mountPath": "/mnt/my-secret",
                "optional": False,
                "secretName": "other",
                "secretNameParameter": {"runtimeValue": {"constant": "other"}},
            }
        ],
        "pvcMount": [
            {
                "mountPath": "/data",
                "constant": "claim",
                "pvcNameParameter": {"runtimeValue": {"constant": "claim"}},
            }
        ],
        "nodeSelector": {"labels": {"cloud.google.com/gke-accelerator": "nvidia-tesla-p4"}},
        "tolerations": [
            {"key": "key1", "operator": "Equal", "value": "value1", "effect": "NoExecute"}
        ],
        "activeDeadlineSeconds": "20",
    }
    assert platform_config(StepConfig(cpu="1", retries=2)) == {}


def test_a_step_has_its_own_settings_and_those_of_all():
    default = StepConfig(image="cpu:1", memory="2Gi", secrets={"A": "s/a"}, retries=1)
    trainer = StepConfig(image="gpu:1", secrets={"B": "s/b"})
    kubeflow = KubeflowConfig(steps={"default": default, "Trainer": trainer})
    assert kubeflow.step("Transform") == default
    assert kubeflow.step("Trainer") == StepConfig(
        image="gpu:1", memory="2Gi", secrets={"A": "s/a", "B": "s/b"}, retries=1
    )


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ("{Trainr: {cpu: 1}}", "kubeflow.steps.Trainr: Input should be 'default', 'Config"),
        (
            "{Trainer: {cpuu: 1}}",
            "steps.Trainer.cpuu: unknown key .* nearest valid key is .*Trainer.cpu$",
        ),
        ("{Trainer: {memory: 16GiB}}", "steps.Trainer.memory: .* Received: '16GiB'"),
        ("{Trainer: {env: {DB_PASSWORD: hunter2}}}", "write DB_PASSWORD: SECRET/KEY under `se"),
        ("{Trainer: {secrets: {A: hunter2}}}", "`A` must refer to a secret .* as NAME/KEY"),
        ("{Trainer: {secrets: {/a: n/k}}}", "`/a` must refer to a secret .* as NAME. "),
        ("{Trainer: {volumes: {data: claim}}}", "takes absolute folders, and names of claims"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_and_no_secret_shown(steps, words):
    with pytest.raises(ConfigError, match=words) as refused:
        configuration.load("demo", [f"kubeflow.steps={steps}"])
    assert "hunter2" not in str(refused.value)
