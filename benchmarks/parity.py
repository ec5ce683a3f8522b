"""Whether a model scores requests of a real log alike, however it is asked.

Requests are drawn of the examples that a run made of its log: an example, some of its targets, and
how much there is of its history. The same request goes through the graph that trains, in static
shapes, and through both signatures of the exported model, as `everlong serve` calls them, one
request at a time. Weights are drawn far from where they begin, so that scores differ; nothing is
trained.

    python benchmarks/parity.py --config movielens_1m_1500 --run DIR --requests 10000 --json OUT
"""

from __future__ import annotations

import components  # noqa: F401  # it sets the environment of libraries, before they are imported

# isort: split
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
from models.features import SCORE, SERVING_DEFAULT
from models.inputs import Layout
from models.preprocessing import feature_sizes
from models.registry import BUILDERS, build_model
from models.settings import HistorySettings
from models.signatures import NOT_SERVED, ServingModule
from models.training_config import RunSettings
from pipeline import result_file
from pipeline.arguments import add_config
from pipeline.config import load
from pipeline.pipeline import trainer_config
from pipeline.serve.model import Model

STDDEV = 0.1  # of what is added to weights
LENGTHS, TARGETS = (64, 256, 2048), (8, 32)  # what the training graph's shapes are padded to
SIDES = ("target", "history")
TOGETHER = 100  # requests, as Transform sees examples
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


def transformed(
    given: list[Request], transform: Callable, history: HistorySettings
) -> Iterator[dict[str, tf.RaggedTensor]]:
    """What the examples that train hold of each request: ids as indices, and positions."""
    together = {
        name: tf.RaggedTensor.from_row_lengths(
            np.concatenate([one[name] for one in given]), [len(one[name]) for one in given]
        )
        for name in given[0]
    }
    found = {name: inputs.narrow(name, values) for name, values in transform(together).items()}
    rows = {name: (x.flat_values.numpy(), x.row_splits.numpy()) for name, x in found.items()}
    side = "right" if history.ties == "order" else "left"
    for number, one in enumerate(given):
        ids = {
            name: flat[splits[number] : splits[number + 1]] for name, (flat, splits) in rows.items()
        }
        end = np.searchsorted(one[features.HISTORY_TIME], one[features.TARGET_TIME], side)
        ids[features.TARGET_HIST_END] = end.astype(np.int32)
        begin = np.maximum(end - history.min_local, 0)  # there are no sessions
        ids[features.TARGET_LOCAL_BEGIN] = begin.astype(np.int32)
        yield {name: tf.RaggedTensor.from_tensor(values[None]) for name, values in ids.items()}


def training_graph(model: CtrModel) -> Callable[[dict[str, tf.RaggedTensor]], np.ndarray]:
    """Scores what `transformed` returns as batches that train are: shapes are known."""
    layout = Layout.of(model.sizes)
    program = tf.function(lambda batch: tf.sigmoid(model(batch)), autograph=False)

    def score(ids: dict[str, tf.RaggedTensor]) -> np.ndarray:
        targets, length = (ids[f"{side}_item"].flat_values.shape[0] for side in SIDES)
        shape = (
            next(size for size in LENGTHS if size >= length),
            next(size for size in TARGETS if size >= targets),
        )
        return program(inputs.pad(ids, *shape, layout)).numpy()[0, :targets]

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


class Drawn:
    """Random requests, as they are asked and as training has them; of all models the same."""

    def __init__(self, settings: RunSettings, run: Path, count: int) -> None:
        self.settings = settings
        of_transform = run / "artifacts" / "Transform"
        self.output = tft.TFTransformOutput(str(newest(of_transform / "transform_graph")))
        items = (newest(of_transform / "transformed_examples") / "Split-items").glob("*")
        table = item_table.read([str(path) for path in items], self.output, settings)
        self.sizes = feature_sizes(self.output, settings, table, settings.labels)
        spec = {
            name: kind
            for name, kind in self.output.raw_feature_spec().items()
            if name not in NOT_SERVED | {features.TARGET_HIST_END}
            and not name.startswith((features.item_feature(""), features.label_feature("")))
        }
        self.requests = list(requests(run, spec, count))
        ragged = {n: tf.RaggedTensorSpec([None, None], kind.dtype, 1) for n, kind in spec.items()}
        transform = tf.function(self.output.transform_features_layer(), [ragged], autograph=False)
        self.transformed = [
            ids
            for first in range(0, count, TOGETHER)
            for ids in transformed(
                self.requests[first : first + TOGETHER], transform, settings.history
            )
        ]


def row(name: str, drawn: Drawn) -> dict[str, Any]:
    """The largest differences between the ways to ask a model."""
    config = pydantic.TypeAdapter(ModelConfig).validate_python({"name": name})
    model = build_model(config, drawn.sizes, seed=1)
    for number, variable in enumerate(model.trainable_variables):
        added = tf.random.stateless_normal(variable.shape, [number, 2], stddev=STDDEV)
        variable.assign_add(added)
    trains = training_graph(model)
    expected = [trains(ids) for ids in drawn.transformed]
    differences: dict[str, list[float]] = {SCORE: [], SERVING_DEFAULT: []}
    with tempfile.TemporaryDirectory() as folder:
        settings = drawn.settings
        ServingModule(model, drawn.output, settings.history, configured=settings.features).export(
            folder
        )
        served = Model(Path(folder), optimized=True)
        for request, wanted in zip(drawn.requests, expected, strict=True):
            length = np.array([len(request[features.HISTORY_ITEM])])
            given = {n: x[None] for n, x in request.items()} | {features.HISTORY_LENGTH: length}
            examples = {"examples": np.array([serialized(request)], object)}
            for way, asked in ((SCORE, given), (SERVING_DEFAULT, examples)):
                found = served.signature(way)(asked)[features.PROBABILITY][0]
                differences[way].append(float(np.abs(found - wanted).max()))
    scores = np.concatenate(expected)
    return {
        "model": name,
        "requests": len(expected),
        "of_one_target": sum(len(one) == 1 for one in expected),
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
    add_config(parser)
    parser.add_argument("--run", type=Path, required=True, help="folder of a run of --config")
    parser.add_argument("--model", action="append", dest="models", choices=[*BUILDERS])
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--json", type=Path, required=True)
    parsed = parser.parse_args()
    config = load(parsed.config, parsed.overrides)
    settings = RunSettings.from_custom_config(trainer_config(config, ""))
    drawn = Drawn(settings, parsed.run, parsed.requests)
    rows = []
    for name in parsed.models or BUILDERS:
        rows.append(row(name, drawn))
        print(rows[-1], flush=True)
        result_file.write(parsed.json, config, rows)


if __name__ == "__main__":
    main()
