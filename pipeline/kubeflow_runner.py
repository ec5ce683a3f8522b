"""Compiles the pipeline for Kubeflow Pipelines v2."""

from __future__ import annotations

from pathlib import Path

from tfx import v1 as tfx

from components.behavior_example_gen.check import fingerprint
from components.secrets import REFERENCE
from pipeline.config import Config
from pipeline.errors import ConfigError
from pipeline.pipeline import Places, create_pipeline


def compile_pipeline(config: Config, out: Path) -> None:
    """Writes the pipeline as a Kubeflow PipelineSpec.

    Args:
      config: the run; `kubeflow.pipeline_root` must be set.
      out: file to write, ending in .yaml.

    Raises:
      ConfigError: if the pipeline root is missing or `out` is no YAML file.
    """
    if config.kubeflow.pipeline_root is None:
        raise ConfigError(
            "kubeflow.pipeline_root: must be given to compile for Kubeflow, such as "
            "--set kubeflow.pipeline_root=gs://bucket/everlong"
        )
    if any(REFERENCE.search(argument) for argument in config.beam.args):
        raise ConfigError(
            "beam.args: a value of the environment, ${NAME}, cannot be compiled for Kubeflow; give "
            "the steps their access by the cluster's service account"
        )
    if out.suffix not in (".yaml", ".yml"):
        raise ConfigError(f"--out {str(out)!r}: must end in .yaml")
    root = config.kubeflow.pipeline_root.rstrip("/")
    places = Places(
        root=root,
        checkpoints=f"{root}/checkpoints",
        serving=config.push.destination or f"{root}/serving",
    )
    runner = tfx.orchestration.experimental.KubeflowV2DagRunner(
        config=tfx.orchestration.experimental.KubeflowV2DagRunnerConfig(
            display_name=config.name,
            default_image=config.kubeflow.image,
            use_pipeline_spec_2_1=True,
        ),
        output_dir=str(out.parent),
        output_filename=out.name,
    )
    # Kubeflow knows no capitals and no `_` in the name of a pipeline.
    named = config.model_copy(update={"name": config.name.lower().replace("_", "-")})
    runner.run(create_pipeline(named, places, fingerprint(config.ingest)))
