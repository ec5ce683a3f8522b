"""What a model loses where its items' rows are held in fewer bytes: ranking, and what it finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from models import features
from models.base import CtrModel
from models.buckets import BatchShape
from models.features import Store
from models.gsu_recall import overlap
from models.importance import weights_of
from models.inputs import Split
from models.layers import Selection
from models.metric_table import evaluate
from models.metrics import Predictions
from models.view import View

_OF_DISTINCT = (features.BATCH_ITEMS, features.HISTORY_PLACE, features.TARGET_PLACE)


def embed_all_items(
    model: CtrModel,
    store: Store,
    split: Split,
    shapes: Sequence[BatchShape],
    longest: Mapping[str, tf.Tensor],
) -> dict[str, float]:
    """Makes the tables of items' rows that a service reads, and returns what that costs.

    Args:
      model: trained; it cannot be trained on.
      store: how the tables hold rows.
      split: to score.
      shapes: of its batches.
      longest: a batch of users with long histories.

    Returns:
      `auc` and `auc_float32` of the split, and of models that retrieve `recall`, the share of the
      K behaviours found with float32 that are found with these rows; empty for float32.
    """
    if store == "float32":
        model.embed_all_items(store)
        return {}
    exact, before = _retrieved(model, longest), _auc(model, split, shapes)
    model.embed_all_items(store)
    cost = {"auc": _auc(model, split, shapes), "auc_float32": before}
    found = _retrieved(model, longest)
    if exact is not None and found is not None:
        counted = tf.reduce_any(exact.valid, -1)
        cost["recall"] = float(tf.reduce_mean(tf.boolean_mask(overlap(found, exact), counted)))
    return cost


def _retrieved(model: CtrModel, batch: Mapping[str, tf.Tensor]) -> Selection | None:
    """The behaviours that each target, or each of its queries, finds; None: it retrieves none."""
    interest = model.long_term
    if interest is None or not hasattr(interest, "retrieve"):
        return None
    view = View.of(_plain(batch), model.embedding, interest.min_length)
    found = interest.retrieve(view)
    return Selection(*(tf.reshape(x, [tf.shape(x)[0], -1, x.shape[-1]]) for x in found))


def _auc(model: CtrModel, split: Split, shapes: Sequence[BatchShape]) -> float:
    # Traced anew: with the rows that it has now.
    predict = tf.function(lambda batch: tf.sigmoid(model(batch)), autograph=False)
    parts = []
    for dataset, _ in split.batches(shapes, None):
        for batch in dataset:
            valid = batch[features.TARGET_VALID].numpy()
            scores = predict(_plain(batch)).numpy()[valid]
            none = np.zeros(len(scores), np.int64)
            labels, weights = batch[features.LABEL].numpy()[valid], weights_of(batch, valid)
            parts.append(Predictions(labels, scores, none, none, weights=weights))
    return evaluate(Predictions.merge(parts), ["auc"])["auc"]


def _plain(batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """A batch as a service has it, which does not name its distinct items."""
    return {name: values for name, values in batch.items() if name not in _OF_DISTINCT}
