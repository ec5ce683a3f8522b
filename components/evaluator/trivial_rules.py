"""How far rules without a model get: what a log gives away shows in them first.

A rule is a score that needs no training. Where drawn negatives follow another law than positives,
or lists differ in time, one of these has an AUC far from .5, and a model's AUC is to be read beside
it. Whether a rule's direction is up or down says nothing: .3 gives away as much as .7.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2

from components.scoring.exported_model import read_files
from components.scoring.predictions import LABEL, REQUEST, USER, WEIGHT
from components.scoring.slices import single
from models import features, metrics

SEEN, POPULAR, LENGTH = "seen before", "popularity", "history length"
ITEM_RECENCY, CATEGORY_RECENCY = "item recency", "category recency"
RULES = (SEEN, POPULAR, ITEM_RECENCY, CATEGORY_RECENCY, LENGTH)

_READ = frozenset(
    {
        features.USER_ID,
        features.HISTORY_ITEM,
        features.HISTORY_CATEGORY,
        features.HISTORY_TIME,
        features.TARGET_ITEM,
        features.TARGET_CATEGORY,
        features.TARGET_TIME,
        features.TARGET_REQUEST,
        features.TARGET_HIST_END,
        features.TARGET_WEIGHT,
        features.LABEL,
    }
)


def read(
    files: Sequence[str], schema: schema_pb2.Schema, transform_graph: str
) -> list[pa.RecordBatch]:
    """Scores the targets of the eval split by every rule.

    Args:
      files: of all eval examples.
      schema: of the examples.
      transform_graph: uri of Transform's graph, whose vocabulary has the items by frequency in
        training.

    Returns:
      Rows as those of `scores`.
    """
    known = tft.TFTransformOutput(transform_graph).vocabulary_by_name(features.ITEM)
    kinds = {feature.name: feature.type for feature in schema.feature}
    integers = kinds.get(features.TARGET_ITEM) == schema_pb2.INT
    vocabulary = pa.array([int(item) for item in known] if integers else known)
    return list(read_files(files, schema, _READ, lambda examples: scores(examples, vocabulary)))


def scores(examples: pa.RecordBatch, vocabulary: pa.Array) -> pa.RecordBatch:
    """Scores targets by every rule: [n] rows of user, request, label and a column for each rule.

    Where targets are weighted, their weight is a column, too.

    Args:
      examples: decoded, one target each, [n] lists by feature.
      vocabulary: [V] items by falling frequency in training.
    """
    item, category, time, end, request, label = (
        single(examples, name)
        for name in (
            features.TARGET_ITEM,
            features.TARGET_CATEGORY,
            features.TARGET_TIME,
            features.TARGET_HIST_END,
            features.TARGET_REQUEST,
            features.LABEL,
        )
    )
    lengths = np.diff(examples.column(features.HISTORY_ITEM).offsets.to_numpy())
    begins = np.cumsum(lengths) - lengths
    target = np.repeat(np.arange(len(lengths)), lengths)
    visible = np.arange(len(target)) < (begins + end.to_numpy())[target]
    shown_at = examples.column(features.HISTORY_TIME).flatten().to_numpy()

    def last_seen(history: str, wanted: pa.Array) -> np.ndarray:
        """[n] place of the last visible behaviour that has the target's value, or -1."""
        equal = pc.equal(examples.column(history).flatten(), wanted.take(pa.array(target)))
        place = np.flatnonzero(equal.to_numpy(zero_copy_only=False) & visible)
        last = np.full(len(lengths), -1)
        np.maximum.at(last, target[place], place)
        return last

    def recency(last: np.ndarray) -> np.ndarray:
        """[n], the higher the less time has passed; below all others where there was none."""
        if not len(shown_at):
            return np.full(len(last), -np.inf)
        return np.where(last >= 0, shown_at[last] - time.to_numpy(), -np.inf)

    last_item = last_seen(features.HISTORY_ITEM, item)
    rank = pc.index_in(item, vocabulary.cast(item.type)).fill_null(len(vocabulary)).to_numpy()
    columns = {
        SEEN: last_item >= 0,
        POPULAR: -rank.astype(np.int64),
        ITEM_RECENCY: recency(last_item),
        CATEGORY_RECENCY: recency(last_seen(features.HISTORY_CATEGORY, category)),
        LENGTH: end.to_numpy(),
    }
    user = single(examples, features.USER_ID)
    named = {name: pa.array(values, pa.float64()) for name, values in columns.items()}
    told = {USER: user, REQUEST: request, LABEL: label}
    if features.TARGET_WEIGHT in examples.schema.names:
        told[WEIGHT] = single(examples, features.TARGET_WEIGHT)
    return pa.RecordBatch.from_pydict(told | named)


def aucs(scored: Sequence[pa.RecordBatch]) -> dict[str, dict[str, float | None]]:
    """The AUC of each rule over all targets, by weight, and over pairs of targets of one request.

    Args:
      scored: rows of `scores`, in any blocks.

    Returns:
      `auc` and `within_requests` by rule; None where no two targets can be compared.
    """
    if not scored:
        return {rule: {"auc": None, "within_requests": None} for rule in RULES}
    table = pa.Table.from_batches(scored).combine_chunks()
    label = table[LABEL].to_numpy()
    weight = table[WEIGHT].to_numpy() if WEIGHT in table.column_names else None
    user = table[USER].combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    request = table[REQUEST].to_numpy()
    shown = user * (request.max() + 1) + request
    found = {}
    for rule in RULES:
        score = table[rule].to_numpy()
        # Ranks, as a time that never was is no number that may be subtracted.
        score = np.unique(score, return_inverse=True)[1].astype(np.float64)
        pairs = metrics.rank_statistics(label, score, shown)
        count = (pairs.positives * pairs.negatives).sum()
        found[rule] = {
            "auc": _value(metrics.auc(label, score, weight)),
            "within_requests": _value(pairs.concordant.sum() / count) if count else None,
        }
    return found


def words(found: Mapping[str, Mapping[str, float | None]]) -> str:
    """The rules and their AUC in a line, the one within requests in brackets."""

    def said(value: float | None) -> str:
        return "-" if value is None else f"{value:.3f}"

    return ", ".join(
        f"{rule} {said(of['auc'])} ({said(of['within_requests'])})" for rule, of in found.items()
    )


def _value(auc: float) -> float | None:
    return float(auc) if math.isfinite(auc) else None
