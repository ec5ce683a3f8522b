"""Toy models behind the real signatures, and the Evaluator run on them."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types import artifact_utils, standard_artifacts

from components.evaluator.config import GateConfig
from components.evaluator.executor import Executor
from tests.components import raw_examples

GATE = GateConfig(
    min_gauc=0.5,
    calibration=(0.5, 2.0),
    tolerance={"auc": 0.05, "gauc": 0.05},
    slices=["slice_history_length", "slice_user_activity"],
)


class _Blend(tf.Module):
    """Scores `weight * oracle + (1 - weight) * (hash of the item)`: the weight is the skill."""

    def __init__(self, weight: float, scale: float):
        super().__init__()
        self._weight, self._scale = tf.constant(weight), tf.constant(scale)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serving_default(self, examples):
        parsed = tf.io.parse_example(
            examples,
            {
                "target_oracle": tf.io.RaggedFeature(tf.float32),
                "target_time": tf.io.RaggedFeature(tf.int64),
            },
        )
        return self._scored(parsed["target_oracle"].to_tensor(), parsed["target_time"].to_tensor())

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.float32, name="target_oracle"),
            tf.TensorSpec([None, None], tf.int64, name="target_time"),
        ]
    )
    def score(self, target_oracle, target_time):
        return self._scored(target_oracle, target_time)

    def _scored(self, oracle, time):
        noise = tf.cast(time % 997, tf.float32) / 997
        return {"probability": (self._weight * oracle + (1 - self._weight) * noise) * self._scale}


class _Labels(_Blend):
    """Scores the label `like` besides: by the time of the target where the other is by skill."""

    def _scored(self, oracle, time):
        noise = tf.cast(time % 997, tf.float32) / 997
        return super()._scored(oracle, time) | {"probability_like": oracle * noise}


class _Blind(tf.Module):
    """Scores by the time of the target alone."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serving_default(self, examples):
        spec = {"target_time": tf.io.RaggedFeature(tf.int64)}
        return self.score(tf.io.parse_example(examples, spec)["target_time"].to_tensor())

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int64, name="target_time")])
    def score(self, target_time):
        return {"probability": tf.cast(target_time % 997, tf.float32) / 997}


def save_model(
    folder: Path, weight: float, scale: float = 1.0, number: int = 1
) -> standard_artifacts.Model:
    """Saves a toy model as Trainer would, and returns its artifact, whose id is `number`."""
    return _save(_Blend(weight, scale), folder, number)


def save_model_of_labels(folder: Path, weight: float) -> standard_artifacts.Model:
    """Saves a toy model of the labels `label` and `like`, and returns its artifact."""
    return _save(_Labels(weight, 1.0), folder, number=1)


def save_blind_model(folder: Path) -> standard_artifacts.Model:
    """Saves a toy model that does not read `target_oracle`, and returns its artifact."""
    return _save(_Blind(), folder, number=9)


def _save(model: tf.Module, folder: Path, number: int) -> standard_artifacts.Model:
    artifact = standard_artifacts.Model()
    artifact.uri = str(folder)
    artifact.id = number
    signatures = {"serving_default": model.serving_default, "score": model.score}
    tf.saved_model.save(model, str(folder / "Format-Serving"), signatures=signatures)
    return artifact


def write_schema(folder: Path, data: raw_examples.Columns) -> Path:
    """Writes a schema with the types of the raw features, and returns its folder."""
    types = {int: schema_pb2.INT, float: schema_pb2.FLOAT, bytes: schema_pb2.BYTES}
    schema = schema_pb2.Schema()
    for name, rows in data.items():
        schema.feature.add(name=name, type=types[type(next(row[0] for row in rows if row))])
    folder.mkdir(parents=True)
    (folder / "schema.pbtxt").write_text(text_format.MessageToString(schema))
    return folder


def evaluate(
    folder: Path,
    examples: Path,
    model: standard_artifacts.Model,
    baseline: standard_artifacts.Model | None = None,
    gate: GateConfig = GATE,
    drawn: int = 0,
    configured: str = "{}",
) -> tuple[str, standard_artifacts.ModelBlessing]:
    """Runs the Evaluator on `examples/Split-eval` and `examples/schema`.

    Returns:
      The uri of the evaluation, and the blessing.
    """
    examples_artifact = standard_artifacts.Examples()
    examples_artifact.uri = str(examples)
    splits = [path.name.removeprefix("Split-") for path in sorted(examples.glob("Split-*"))]
    examples_artifact.split_names = artifact_utils.encode_split_names(splits)
    schema = standard_artifacts.Schema()
    schema.uri = str(examples / "schema")
    graph = standard_artifacts.TransformGraph()
    graph.uri = str(folder / "graph")
    vocabulary = folder / "graph" / "transform_fn" / "assets" / "item"
    vocabulary.parent.mkdir(parents=True)
    vocabulary.write_text("".join(f"{item}\n" for item in range(500)))
    evaluation = standard_artifacts.ModelEvaluation()
    evaluation.uri = str(folder / "evaluation")
    blessing = standard_artifacts.ModelBlessing()
    blessing.uri = str(folder / "blessing")
    inputs = {
        "examples": [examples_artifact],
        "schema": [schema],
        "transform_graph": [graph],
        "model": [model],
    }
    if baseline is not None:
        inputs["baseline_model"] = [baseline]
    Executor(Executor.Context(tmp_dir=str(folder / "tmp"), unique_id="1")).Do(
        inputs,
        {"evaluation": [evaluation], "blessing": [blessing]},
        {
            "gate": gate.model_dump_json(),
            "features": configured,
            "drawn_negatives": drawn,
            "code": "x",
        },
    )
    return evaluation.uri, blessing
