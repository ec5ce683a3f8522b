"""What features of items cost in training: targets a second with 2, 5 and 10 of them.

A log's real batches are read and trained on as the Trainer does, input included; values of the
features are drawn, kinds and numbers of values are those that shops and video services have. The
variants train in turn, some batches each, in one process.

    python benchmarks/item_features.py --config movielens_1m --length 200 --model twin --json OUT
"""

from __future__ import annotations

import components  # noqa: F401  # it sets the environment of libraries, before they are imported

# isort: split
import argparse
import dataclasses
import itertools
import statistics
import time
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from models.buckets import choose_shapes
from models.features import Embedded, FeatureSizes, ItemTable
from models.inputs import Layout, Split
from models.optimizers import build_optimizer
from models.preprocessing import feature_sizes
from models.registry import build_model
from models.steps import Batch, Steps
from models.training_config import RunSettings
from pipeline import result_file
from pipeline.bench import arguments
from pipeline.bench.train import prepare
from pipeline.config import Config, load
from pipeline.pipeline import trainer_config
from pipeline.terminal.console import quiet

COUNTS = (0, 2, 5, 10)
# Name, rows of its table, most values of an item. The first two are what most logs have.
FEATURES = (
    ("author", 2_000, 1),
    ("tags", 50, 4),
    ("duration", 22, 1),
    ("music", 1_000, 1),
    ("upload_type", 8, 1),
    ("brand", 500, 1),
    ("language", 20, 1),
    ("cities", 100, 3),
    ("price", 22, 1),
    ("season", 30, 1),
)
BATCHES = 30  # of a variant's turn
BAR = 0.75  # of the targets a second with 2 features, with 10


def with_features(sizes: FeatureSizes, count: int, seed: int) -> FeatureSizes:
    """Returns the sizes with the first `count` features, whose values are drawn for each item."""
    if not count:
        return sizes
    rng = np.random.default_rng(seed)
    fields, ids = [], {}
    for name, rows, most in FEATURES[:count]:
        fields.append(Embedded(name, name, rows, None, most, "mean" if most > 1 else None))
        values = rng.integers(1, rows, [sizes.item, most])
        held = rng.integers(1, most + 1, [sizes.item, 1]) > np.arange(most)
        ids[name] = (values * held).astype(np.int32)
        ids[name][0] = 0
    table = ItemTable(sizes.item - 2, ids, {})
    return dataclasses.replace(sizes, item_features=tuple(fields), items=table)


class Variant:
    """A model in training on a split, forever."""

    def __init__(self, config: Config, data: dict[str, str], count: int) -> None:
        output = tft.TFTransformOutput(data["transform"])
        settings = RunSettings.from_custom_config(trainer_config(config, checkpoints=""))
        sizes = with_features(feature_sizes(output, settings, None), count, config.seed)
        layout = Layout.of(sizes)
        files = tf.io.gfile.glob(f"{data['examples']}/Split-train/*")
        spec = output.transformed_feature_spec()
        self._split = Split(files, spec, layout, 2**33)
        self._shapes = choose_shapes(
            self._split.lengths, self._split.targets, config.training.batch_users
        )
        model = build_model(config.model, sizes, config.seed)
        optimizer = build_optimizer(config.training, model, total_steps=10**6)
        self._steps = Steps(model, optimizer, "off", config.training.clip_norm)
        self._batches = self._forever(config.seed)

    def _forever(self, seed: int) -> Iterator[Batch]:
        for epoch in itertools.count():
            for dataset, _ in self._split.batches(self._shapes, (seed, epoch)):
                yield from dataset

    def turn(self, batches: int) -> tuple[float, int]:
        """Trains on the next batches; returns the seconds that it took, and the targets."""
        next(self._batches)  # reading ahead, which stopped while others trained, has begun again
        started, targets = time.perf_counter(), 0
        for batch in itertools.islice(self._batches, batches):
            targets += int(self._steps.train(batch)[1])
        return time.perf_counter() - started, targets


def measure(
    config: Config, data: dict[str, str], length: int, rounds: int
) -> list[dict[str, object]]:
    """Returns the rows of one model: targets a second by the number of features."""
    variants = {count: Variant(config, data, count) for count in COUNTS}
    for variant in variants.values():
        variant.turn(3 * BATCHES)  # every shape is compiled
    found: dict[int, list[float]] = {count: [] for count in COUNTS}
    for number in range(rounds):
        order = COUNTS if number % 2 else COUNTS[::-1]
        for count in order:
            seconds, targets = variants[count].turn(BATCHES)
            found[count].append(targets / seconds)
    medians = {count: statistics.median(rates) for count, rates in found.items()}
    return [
        {
            "model": config.model.name,
            "length": length,
            "item_features": count,
            "targets_per_second": medians[count],
            "of_two_features": medians[count] / medians[2],
            "by_round": found[count],
            "bar": BAR if count == 10 else None,
        }
        for count in COUNTS
    ]


def main() -> None:
    """Measures the models that are named; prints and writes their rows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    arguments.add_measured(parser, ("twin", "mirrn"), "the configuration's own", rounds=12)
    parsed = parser.parse_args()
    result_file.check_writable(parsed.json)
    parsed.overrides = ["features=null", *parsed.overrides]
    base = load(parsed.config, parsed.overrides)
    rows = []
    for length in parsed.lengths or [base.history.max_length]:
        config = arguments.with_length(base, length)
        folder = parsed.work_dir.resolve() / f"{config.name}_{length}_item_features"
        with quiet(parsed.work_dir.resolve() / "log.txt") as terminal:
            data = prepare(config, folder, terminal)
        for name in parsed.models or [config.model.name]:
            rows += measure(arguments.with_model(config, name), data, length, parsed.rounds)
            for row in rows[-len(COUNTS) :]:
                print({key: value for key, value in row.items() if key != "by_round"})
    if parsed.json:
        result_file.write(parsed.json, base, rows)


if __name__ == "__main__":
    main()
