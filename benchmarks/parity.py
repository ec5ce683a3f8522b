"""Whether a model scores requests of a real log alike, however it is asked.

Requests are drawn of the examples that a run made of its log: an example, some of its targets, and
how much there is of its history. The same request goes through the graph that trains, in static
shapes, and through both signatures of the exported model, one request at a time. Weights are drawn
far from where they begin, so that scores differ; nothing is trained.

    python benchmarks/parity.py --config movielens_1m_1500 --run DIR --requests 10000 --json OUT
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
import tensorflow as tf
import tensorflow_transform as tft

from models import features, inputs, item_table
from models.base import CtrModel
from models.config import ModelConfig
from models.inputs import Layout
from models.preprocessing import feature_sizes
from models.registry import build_model
from models.settings import HistorySettings
from models.signatures import NOT_SERVED, ServingModule
from models.training_config import RunSettings
from pipeline import result_file
from pipeline.config import load
from pipeline.pipeline import trainer_config

MODELS = ("twin", "mirrn", "sim_hard", "din")
STDDEV = 0.1  # of what is added to weights
LENGTHS, TARGETS = (64, 256, 2048), (8, 32)  # what the training graph's shapes are padded to
Request = dict[str, np.ndarray]


def newest(folder: Path) -> Path:
    return max(folder.iterdir(), key=lambda path: int(path.name))


def requests(run: Path, spec: dict[str, Any], count: int) -> Iterator[Request]:
    """Raw features of random requests, each [L], [T], or [V] of the user."""
    split = newest(run / "artifacts" / "BehaviorExampleGen" / "examples") / "Split-validation"
    files = sorted(str(path) for path in split.glob("*.gz"))
    records = list(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())
    rng = np.random.default_rng(0)
    for _ in range(count):
        parsed = tf.io.parse_single_example(records[rng.integers(len(records))], spec)
        example = {name: values.numpy() for name, values in parsed.items()}
        targets = len(example[features.TARGET_ITEM])
        most = min(targets, TARGETS[-1])
        some = rng.choice(targets, rng.integers(1, most + 1), replace=False)
        kept = rng.integers(0, min(len(example[features.HISTORY_ITEM]), LENGTHS[-1]) + 1)
        for name, values in example.items():
            if name.startswith(features.HISTORY_PREFIX):
                example[name] = values[:kept]
            elif name.startswith(features.TARGET_PREFIX):
                example[name] = values[some]
        yield example


def training_graph(
    model: CtrModel, output: tft.TFTransformOutput, history: HistorySettings
) -> Callable[[Request], np.ndarray]:
    """Scores requests by the batches that train: positions are told, shapes are known."""
    transform = output.transform_features_layer()
    layout = Layout.of(model.sizes)
    programs: dict[tuple[int, int], Callable] = {}

    def score(request: Request) -> np.ndarray:
        targets, length = (len(request[f"{side}_item"]) for side in ("target", "history"))
        shape = tuple(
            next(size for size in sizes if size >= wanted)
            for sizes, wanted in ((LENGTHS, length), (TARGETS, targets))
        )
        ragged = {n: tf.RaggedTensor.from_tensor(x[None]) for n, x in request.items()}
        ids = {name: inputs.narrow(name, x) for name, x in transform(ragged).items()}
        batch = inputs.pad(ids, *shape, layout)
        side = "right" if history.ties == "order" else "left"
        end = np.searchsorted(request[features.HISTORY_TIME], request[features.TARGET_TIME], side)
        begin = np.maximum(end - history.min_local, 0)  # there are no sessions
        for name, values in (
            (features.TARGET_HIST_END, end),
            (features.TARGET_LOCAL_BEGIN, begin),
        ):
            batch[name] = tf.constant(np.pad(values, [0, shape[1] - targets])[None], tf.int32)
        program = programs.setdefault(shape, tf.function(lambda batch: tf.sigmoid(model(batch))))
        return program(batch).numpy()[0, :targets]

    return score


def serialized(request: Request) -> bytes:
    example = tf.train.Example()
    for name, values in request.items():
        feature = example.features.feature[name]
        if values.dtype == object:
            feature.bytes_list.value.extend(values)
        elif values.dtype.kind == "f":
            feature.float_list.value.extend(values)
        else:
            feature.int64_list.value.extend(values)
    return example.SerializeToString()


def row(name: str, settings: RunSettings, run: Path, count: int) -> dict[str, Any]:
    """The largest differences between the ways to ask a model."""
    of_transform = run / "artifacts" / "Transform"
    output = tft.TFTransformOutput(str(newest(of_transform / "transform_graph")))
    items = (newest(of_transform / "transformed_examples") / "Split-items").glob("*")
    table = item_table.read([str(path) for path in items], output, settings)
    sizes = feature_sizes(output, settings, table, settings.labels)
    config = pydantic.TypeAdapter(ModelConfig).validate_python({"name": name})
    model = build_model(config, sizes, seed=1)
    for number, variable in enumerate(model.trainable_variables):
        drawn = tf.random.stateless_normal(variable.shape, [number, 2], stddev=STDDEV)
        variable.assign_add(drawn)
    trains = training_graph(model, output, settings.history)
    spec = {
        name: kind
        for name, kind in output.raw_feature_spec().items()
        if name not in NOT_SERVED | {features.TARGET_HIST_END}
        and not name.startswith((features.item_feature(""), features.label_feature("")))
    }
    drawn_requests = list(requests(run, spec, count))
    expected = [trains(request) for request in drawn_requests]
    with tempfile.TemporaryDirectory() as folder:
        ServingModule(model, output, settings.history).export(folder)
        served = tf.saved_model.load(folder).signatures
        known = served[features.SCORE].structured_input_signature[1]
        differences: dict[str, list[float]] = {"score": [], "serving_default": []}
        for request, wanted in zip(drawn_requests, expected, strict=True):
            given = {n: tf.constant(x[None], known[n].dtype) for n, x in request.items()}
            given[features.HISTORY_LENGTH] = tf.constant(
                [len(request[features.HISTORY_ITEM])], tf.int64
            )
            dense = served[features.SCORE](**given)[features.PROBABILITY].numpy()[0]
            examples = tf.constant([serialized(request)])
            found = served[features.SERVING_DEFAULT](examples)[features.PROBABILITY].numpy()[0]
            differences["score"].append(float(np.abs(dense - wanted).max()))
            differences["serving_default"].append(float(np.abs(found - wanted).max()))
    scores = np.concatenate(expected)
    return {
        "model": name,
        "requests": count,
        "targets": len(scores),
        "mean_score": float(scores.mean()),
        "std_of_scores": float(scores.std()),
        **{f"most_of_{way}": max(found) for way, found in differences.items()},
        **{
            f"beyond_1e-5_of_{way}": int(sum(x > 1e-5 for x in d)) for way, d in differences.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--config", required=True)
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    parser.add_argument("--run", type=Path, required=True, help="folder of a run of --config")
    parser.add_argument("--model", action="append", dest="models", help="may be repeated")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--json", type=Path, required=True)
    parsed = parser.parse_args()
    config = load(parsed.config, parsed.overrides)
    settings = RunSettings.from_custom_config(trainer_config(config, ""))
    rows = []
    for name in parsed.models or MODELS:
        rows.append(row(name, settings, parsed.run, parsed.requests))
        print(rows[-1], flush=True)
        result_file.write(parsed.json, config, rows)


if __name__ == "__main__":
    main()
