"""What a model finds, and how it ranks, with rows of items that are older than the rest of it.

A service that keeps items' rows apart from the network reads some that an earlier checkpoint made:
TWIN refreshes its search every 15 minutes and shows what older parameters find (arXiv 2302.02352,
Fig. 4). Here a model trains at a constant rate, as one does that never ends, and a checkpoint is
taken every few steps. Its last state then reads rows that are so many checkpoints old: in the
search alone, whose finds are attended to as they are now, or wherever it reads an item. All that
is no item's row (categories, kinds of behaviours, projections, the head) is of the last state.

    python benchmarks/staleness.py --config movielens_1m_1500 --output DIR --json OUT
"""

from __future__ import annotations

import components  # noqa: F401  # it sets the environment of libraries, before they are imported

# isort: split
import argparse
import dataclasses
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from models import item_table
from models.base import CtrModel
from models.buckets import BatchShape, choose_shapes
from models.features import FeatureSizes
from models.gsu_recall import overlap
from models.inputs import Layout, Split
from models.layers import Selection
from models.optimizers import build_optimizer
from models.preprocessing import feature_sizes
from models.registry import build_model
from models.steps import Batch, Steps
from models.training_config import RunSettings
from models.validation import Validation, key
from models.view import View
from pipeline import result_file
from pipeline.ablation.data import prepare
from pipeline.arguments import add_config
from pipeline.config import Config, load
from pipeline.pipeline import trainer_config
from pipeline.terminal.console import Terminal, quiet

AGES = (0, 1, 5, 20, 100)  # checkpoints
COLUMNS = {n: n for n in ("seed", "old_rows_in", "checkpoints", "overlap", "auc", "gauc")}


@dataclasses.dataclass(frozen=True)
class Data:
    """What a model trains on and is judged by."""

    settings: RunSettings
    sizes: FeatureSizes
    train: Split
    judged: Split  # as a service has it: batches do not name their distinct items
    shapes: list[BatchShape]


def read(config: Config, folder: Path, terminal: Terminal) -> Data:
    settings = RunSettings.from_custom_config(trainer_config(config, ""))
    made = prepare(config, folder, terminal)
    output = tft.TFTransformOutput(made.transform)

    def files(split: str) -> list[str]:
        return [str(path) for path in Path(made.examples, f"Split-{split}").glob("*")]

    table = item_table.read(files("items"), output, settings)
    sizes = feature_sizes(output, settings, table, settings.labels)
    layout = Layout.of(sizes)
    as_served = dataclasses.replace(layout, distinct=False)
    spec, most = output.transformed_feature_spec(), int(settings.training.cache_gib * 2**30)
    train = Split(files("train"), spec, layout, most)
    judged = Split(files("validation"), spec, as_served, most)
    lengths = np.concatenate([train.lengths, judged.lengths])
    targets = np.concatenate([train.targets, judged.targets])
    shapes = choose_shapes(lengths, targets, settings.training.batch_users)
    return Data(settings, sizes, train, judged, shapes)


def trained(data: Data, seed: int, every: int) -> tuple[CtrModel, dict[int, np.ndarray]]:
    """Returns a model at the end of its training, and by age the rows of all items [N, D]."""
    config = data.settings.training
    model = build_model(data.settings.model, data.sizes, seed)
    total = config.epochs * data.train.steps(data.shapes)
    if total < AGES[-1] * every:
        raise SystemExit(
            f"--steps {every}: {AGES[-1]} checkpoints are more steps than the {total} of the "
            "training; give fewer, or set training.epochs"
        )
    steps = Steps(model, build_optimizer(config, model, total), "auto", config.clip_norm)
    kept = {total - age * every: age for age in AGES}
    everything = tf.range(data.sizes.items.rows)
    rows = {}
    for step, batch in enumerate(_batches(data, seed)):
        if step in kept:
            rows[kept[step]] = model.embedding.items(everything).numpy()
        steps.train(batch)
    return model, rows | {0: model.embedding.items(everything).numpy()}


def _batches(data: Data, seed: int) -> Iterator[Batch]:
    for epoch in range(data.settings.training.epochs):
        parts = data.train.batches(data.shapes, (seed, epoch))
        yield from itertools.chain.from_iterable(batches for batches, _ in parts)


def measure(data: Data, seed: int, every: int) -> Iterator[dict[str, Any]]:
    model, rows = trained(data, seed, every)
    # Two more with its weights: one reads old rows wherever it reads an item, one in its search.
    aged, searching = (build_model(data.settings.model, data.sizes, seed) for _ in range(2))
    for one in (aged, searching):
        one.set_weights(model.get_weights())
    for one in (model, aged, searching):
        one.embed_all_items()
    choose = searching.long_term.choose

    def choose_by_old_rows(view: View, queries: tf.Tensor) -> Selection:
        return choose(view.through(aged.embedding), queries)

    searching.long_term.choose = choose_by_old_rows
    readers = {"search": searching, "everywhere": aged}
    judges = {name: judge(data, one) for name, one in readers.items()}
    overlaps = {name: overlap_of(data, model, one) for name, one in readers.items()}
    for name, age in itertools.product(readers, AGES):
        aged.embedding.item_rows.parts["rows"].assign(rows[age])
        found = judges[name]()
        yield {
            "seed": seed,
            "old_rows_in": name,
            "checkpoints": age,
            "steps": age * every,
            "overlap": overlaps[name](),
            "auc": found[key("auc")],
            "gauc": found[key("gauc")],
        }


def judge(data: Data, model: CtrModel) -> Validation:
    """Computes the metrics of the validation split."""
    settings = data.settings
    steps = Steps(model, build_optimizer(settings.training, model, 1), "auto", None)
    unknown = data.sizes.category - 1
    return Validation(data.judged, data.shapes, steps, settings.history, unknown)


def overlap_of(data: Data, model: CtrModel, other: CtrModel) -> Callable[[], float]:
    """Tells which share of what a model finds another one finds; of targets that see more."""

    def found(model: CtrModel, batch: Batch) -> tuple[Selection, View]:
        view = View.of(batch, model.embedding, model.long_term.min_length)
        return model.long_term.retrieve(view), view

    @tf.function(autograph=False)
    def of_batch(batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
        expected, view = found(model, batch)
        counted = view.window.size > model.long_term.min_length
        shares = overlap(found(other, batch)[0], expected)
        return tf.reduce_sum(tf.where(counted, shares, 0)), tf.math.count_nonzero(counted)

    def of_split() -> float:
        parts = (batches for batches, _ in data.judged.batches(data.shapes, None))
        sums = [of_batch(batch) for batch in itertools.chain.from_iterable(parts)]
        shares, targets = (sum(float(x) for x in each) for each in zip(*sums, strict=True))
        return shares / targets

    return of_split


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    add_config(parser)
    parser.add_argument("--steps", type=int, default=5, help="from one checkpoint to the next")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True, help="what is kept between calls")
    parser.add_argument("--json", type=Path, required=True, metavar="OUT")
    parsed = parser.parse_args()
    result_file.check_writable(parsed.json)
    config = load(parsed.config, [*parsed.overrides, "training.schedule.decay=none"])
    found: list[dict[str, Any]] = []
    with quiet(parsed.output / "log.txt") as terminal:
        data = read(config, parsed.output / "data", terminal)
        for seed in range(parsed.seeds):
            for row in measure(data, seed, parsed.steps):
                found.append(row)
                result_file.write(parsed.json, config, found)
        terminal.line(result_file.table(found, COLUMNS))


if __name__ == "__main__":
    main()
