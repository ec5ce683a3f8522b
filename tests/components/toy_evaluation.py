"""Toy models behind the real signature, and TFX's own Evaluator run on them."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
from tfx.components.evaluator import executor
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import json_utils, proto_utils

from components.evaluator.config import GateConfig
from components.evaluator.eval_config import eval_config


class _Blend(tf.Module):
    """Scores `weight * oracle + (1 - weight) * (hash of the history)`: the weight is the skill."""

    def __init__(self, weight: float, scale: float):
        super().__init__()
        self._weight, self._scale = tf.constant(weight), tf.constant(scale)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(self, examples):
        parsed = tf.io.parse_example(
            examples,
            {
                "target_oracle": tf.io.FixedLenFeature([1], tf.float32),
                "history_time": tf.io.RaggedFeature(tf.int64),
            },
        )
        noise = tf.reduce_sum(parsed["history_time"], axis=1, keepdims=True) % 997
        noise = tf.cast(noise, tf.float32) / 997
        score = self._weight * parsed["target_oracle"] + (1 - self._weight) * noise
        return {"probability": score * self._scale}


def save_model(folder: Path, weight: float, scale: float = 1.0) -> standard_artifacts.Model:
    """Saves a toy model as Trainer would, and returns its artifact."""
    artifact = standard_artifacts.Model()
    artifact.uri = str(folder)
    model = _Blend(weight, scale)
    tf.saved_model.save(
        model, str(folder / "Format-Serving"), signatures={"serving_default": model.serve}
    )
    return artifact


def evaluate(
    folder: Path,
    examples: Path,
    model: standard_artifacts.Model,
    baseline: standard_artifacts.Model | None = None,
    gate: GateConfig | None = None,
) -> tuple[str, standard_artifacts.ModelBlessing]:
    """Runs TFX's Evaluator; returns the uri of the evaluation, and the blessing."""
    examples_artifact = standard_artifacts.Examples()
    examples_artifact.uri = str(examples)
    examples_artifact.split_names = artifact_utils.encode_split_names(["eval"])
    evaluation = standard_artifacts.ModelEvaluation()
    evaluation.uri = str(folder / "evaluation")
    blessing = standard_artifacts.ModelBlessing()
    blessing.uri = str(folder / "blessing")
    inputs = {"examples": [examples_artifact], "model": [model]}
    if baseline is not None:
        inputs["baseline_model"] = [baseline]
    executor.Executor(executor.Executor.Context(tmp_dir=str(folder / "tmp"), unique_id="1")).Do(
        inputs,
        {"evaluation": [evaluation], "blessing": [blessing]},
        {
            "eval_config": proto_utils.proto_to_json(eval_config(gate or GateConfig(), True, "x")),
            "example_splits": json_utils.dumps(["eval"]),
            "module_path": "components.evaluator.extractors",
        },
    )
    return evaluation.uri, blessing
