"""How much of what exact attention ranks highest each search unit finds (TWIN, Fig. 4)."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from models.base import CtrModel
from models.config import MirrnConfig
from models.interests import RetrievedInterest
from models.layers import (
    CategorySearch,
    ConsistentSearch,
    HammingSearch,
    InnerProductSearch,
    RecencySearch,
    Selection,
)
from models.layers.simhash import signs
from models.mirrn import GranularQueries
from models.view import View


def gsu_recall(model: CtrModel, batch: Mapping[str, tf.Tensor]) -> dict[str, float]:
    """Returns by search unit the share of exact attention's top K that it finds.

    All units search by the embeddings of this one model, whose attention over what was retrieved
    is the judge: its heads' rankings of the whole visible history, read round robin until K
    behaviours are collected, as TWIN does (arXiv 2302.02352, section 4.3 and Fig. 4). TWIN's own
    search, `twin_per_head`, finds all of them by construction as long as its keys are fresh; what
    `twin_shared`, one ranking by the mean over heads, loses is the price of its speed.

    Args:
      model: trained.
      batch: docs/architecture.md, "The example". Of its targets, those count that see more than K
        behaviours: of fewer, any search finds all.

    Returns:
      Shares in 0..1; empty where no target counts, or the model does not attend to behaviours that
      it retrieves.
    """
    interest = model.long_term
    if not isinstance(interest, RetrievedInterest):
        return {}
    view = View.of(batch, model.embedding, interest.min_length)
    count = interest.config.top_k
    counted = view.window.size > count
    if not tf.reduce_any(counted):
        return {}
    queries = interest.relevance(view.target)
    exact = ConsistentSearch(count, per_head=True)(queries, view.rows, view.window)
    found = {
        "twin_per_head": exact,
        "twin_shared": ConsistentSearch(count)(queries, view.rows, view.window),
    } | _other_units(model, view, count)
    return {unit: share(selection, exact, counted) for unit, selection in found.items()}


def _other_units(model: CtrModel, view: View, count: int) -> dict[str, Selection]:
    """Returns what other models' units find, `count` behaviours of [B, T, K] each."""
    width = view.target.shape[-1]
    mirrn = MirrnConfig(
        name="mirrn", item_dim=model.config.item_dim, category_dim=model.config.category_dim
    )
    queries = GranularQueries(mirrn)
    projected = queries.project(view)
    codes, _ = queries(view, projected, mirrn.granularities)
    by_hash = HammingSearch(count)(codes, signs(projected), view.window)
    return {
        "sim_soft": InnerProductSearch(count)(view.target, view.rows[..., :width], view.window),
        "eta": Selection(*(x[:, :, 0] for x in by_hash)),  # MIRRN's target-aware query too
        "mirrn_local": Selection(*(x[:, :, 1] for x in by_hash)),
        "mirrn_global": Selection(*(x[:, :, 2] for x in by_hash)),
        "sim_hard": CategorySearch(count)(
            view.target_ids["category"], view.ids["category"], view.window
        ),
        "recency": RecencySearch(count)(None, None, view.window),
    }


def share(found: Selection, exact: Selection, counted: tf.Tensor) -> float:
    """Returns the mean share of `exact` that is `found`, over the targets `counted` [B, T] bool."""
    same = found.positions[..., None] == exact.positions[..., None, :]
    same &= found.valid[..., None] & exact.valid[..., None, :]
    hits = tf.reduce_sum(tf.cast(same, tf.float32), [-1, -2])
    size = tf.reduce_sum(tf.cast(exact.valid, tf.float32), -1)
    return float(tf.reduce_mean(tf.boolean_mask(hits / size, counted)))
