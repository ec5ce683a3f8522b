"""What a trained model owes to each feature: the AUC that it loses when values are shuffled."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from models import feature_config, features, metrics
from models.buckets import BatchShape
from models.feature_config import Feature
from models.inputs import Examples, Split, plan_batches
from models.layers.item_features import ItemFeatures
from models.settings import PreprocessingSettings
from models.steps import Steps

if TYPE_CHECKING:
    from models.base import CtrModel

MOST_TARGETS = 20_000

Columns = Mapping[str, tf.RaggedTensor]


def importance(
    model: CtrModel,
    steps: Steps,
    split: Split,
    shapes: Sequence[BatchShape],
    settings: PreprocessingSettings,
    seed: int,
) -> dict[str, float | None]:
    """Measures every configured feature on some 20,000 targets of a split.

    Values are exchanged within these: those of users among users, of context among targets and
    among behaviours, of events among behaviours, of items among the items that occur.

    Args:
      model: trained.
      steps: of the model.
      split: transformed.
      shapes: of its batches.
      settings: what is configured of features.
      seed: of the sample and of every exchange.

    Returns:
      The loss of AUC by feature, below 0 where the model does better without its values; None where
      the targets have one label.
    """
    if not settings.features:
        return {}
    examples = _sample(next(split.parts()), np.random.default_rng(seed))
    whole = _auc(steps, examples, shapes)
    names = (features.HISTORY_ITEM, features.TARGET_ITEM)
    items = np.unique(np.concatenate([examples.columns[n].flat_values.numpy() for n in names]))
    embedded = feature_config.embedded(settings.features, settings.tables)
    found: dict[str, float | None] = {}
    for number, (name, feature) in enumerate(settings.features.items()):
        rng = np.random.default_rng([seed, number])
        both = [name]  # one that is hashed has two columns, which belong together
        if (again := feature_config.again(name)) in embedded:
            both.append(again)
        if feature.of == "item":
            with _exchanged_items(model, both, items, rng):
                auc = _auc(steps, examples, shapes)
        else:
            columns = {**examples.columns, **exchanged(examples.columns, both, feature, rng)}
            auc = _auc(steps, Examples(examples.users, columns, examples.layout), shapes)
        found[name] = None if math.isnan(whole) else whole - auc
    return found


def exchanged(
    columns: Columns, both: Sequence[str], feature: Feature, rng: np.random.Generator
) -> dict[str, tf.RaggedTensor]:
    """Returns the columns of a feature, which is not of items, with its values in another order.

    Args:
      columns: as of `Examples`, whose last row stands for no example.
      both: the feature's name, and that of its second hash.
      feature: what it is.
      rng: of the order, which is the same for both.
    """
    found: dict[str, tf.RaggedTensor] = {}
    for names in zip(*(feature_config.columns(name, feature) for name in both), strict=True):
        first = columns[names[0]]
        if feature.of == "user":
            rows = int(first.nrows()) - 1
            order = np.append(rng.permutation(rows), rows)
            found |= {name: tf.gather(columns[name], order) for name in names}
        else:
            order = rng.permutation(len(first.flat_values))
            for name in names:
                values = tf.gather(columns[name].flat_values, order)
                found[name] = columns[name].with_flat_values(values)
    return found


def _exchanged_items(
    model: CtrModel, both: Sequence[str], items: np.ndarray, rng: np.random.Generator
) -> contextlib.ExitStack:
    """A context in which items have each other's values; those that are unknown keep theirs."""
    layers = [layer for layer in model.submodules if isinstance(layer, ItemFeatures)]
    known = items[(items > features.PADDING_ID) & (items < layers[0].count - 1)]
    others, context = rng.permutation(known), contextlib.ExitStack()
    for layer in layers:
        context.enter_context(layer.exchanged(both, known, others))
    return context


def _sample(examples: Examples, rng: np.random.Generator) -> Examples:
    """As many of the examples as have 20,000 targets."""
    rows = rng.permutation(len(examples))
    targets = examples.columns[features.TARGET_ITEM].row_lengths().numpy()[rows]
    rows = rows[: max(int((np.cumsum(targets) <= MOST_TARGETS).sum()), 1)]
    and_none = np.append(rows, len(examples))
    columns = {name: tf.gather(column, and_none) for name, column in examples.columns.items()}
    return Examples(examples.users[rows], columns, examples.layout)


def _auc(steps: Steps, examples: Examples, shapes: Sequence[BatchShape]) -> float:
    lengths, targets = (
        examples.columns[name].row_lengths().numpy()[:-1]
        for name in (features.HISTORY_ITEM, features.TARGET_ITEM)
    )
    labels, scores, weights = [], [], []
    for batch in map(examples.batch, plan_batches(shapes, lengths, targets, None)):
        valid = batch[features.TARGET_VALID].numpy()
        labels.append(batch[features.LABEL].numpy()[valid])
        scores.append(steps.predict(batch).numpy()[valid, 0])
        weights.append(weights_of(batch, valid))
    return metrics.auc(*map(np.concatenate, (labels, scores, weights)))


def weights_of(batch: Mapping[str, tf.Tensor], valid: np.ndarray) -> np.ndarray:
    """How much each of the targets that are `valid`, [B, T] bool, counts in metrics: [N]."""
    if features.TARGET_WEIGHT in batch:
        return batch[features.TARGET_WEIGHT].numpy()[valid]
    return np.ones(valid.sum(), np.float32)
