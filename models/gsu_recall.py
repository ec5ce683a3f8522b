"""How much of what exact attention reads each search unit brings back (TWIN, Fig. 4)."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import tensorflow as tf

from models.base import CtrModel
from models.config import MirrnConfig
from models.interests import RetrievedInterest
from models.layers import (
    CategorySearch,
    HammingSearch,
    InnerProductSearch,
    RecencySearch,
    Selection,
    TargetAttention,
    Window,
)
from models.layers.by_user import by_user
from models.layers.mass_search import log_mass
from models.layers.relevance import relevance
from models.layers.simhash import signs
from models.mirrn import GranularQueries
from models.twin import SEARCHES
from models.view import View

# Of a search unit: what is told of it.
OVERLAP, MASS_KEPT, OUTPUT_ERROR = "overlap", "mass_kept", "output_error"


def gsu_recall(model: CtrModel, batch: Mapping[str, tf.Tensor]) -> dict[str, dict[str, float]]:
    """Returns by search unit how much of what exact attention reads it brings back.

    All units search by the embeddings of this one model, whose attention is the judge:

    - `overlap`, the share that is found of its heads' rankings of the whole visible history, read
      round robin until K behaviours are collected, as TWIN does (arXiv 2302.02352, section 4.3 and
      Fig. 4). `twin_per_head` finds all of them by construction as long as its keys are fresh.
    - `mass_kept`, how much attention the K found would get, of how much the best K would, where all
      of the visible history is attended to, mean over heads. `twin_mass` keeps 1 by construction.
    - `output_error`, how far the attention's output moves when only the K found are read, as a
      share of its length when all are: |output(K) - output(all)| / |output(all)|.

    Overlap counts all K alike, though most hardly count: a search may miss half of them at a loss
    of a few per cent of mass.

    Args:
      model: trained.
      batch: docs/architecture.md, "The example". Of its targets, those count that see more than K
        behaviours: of fewer, any search finds all.

    Returns:
      Means over targets; empty where no target counts, or the model does not attend to behaviours
      that it retrieves.
    """
    interest = model.long_term
    if not isinstance(interest, RetrievedInterest):
        return {}
    view = View.of(batch, model.embedding, interest.min_length)
    count = interest.config.top_k
    counted = view.window.size > count
    if not tf.reduce_any(counted):
        return {}
    queries = interest.queries(view)
    found = {
        f"twin_{name}": search(count)(queries, view.rows, view.window)
        for name, search in SEARCHES.items()
    } | _other_units(model, view, count)
    length = view.rows.shape[1] * queries.shape[2]
    judge = functools.partial(judged, interest.attention)
    measures = by_user(judge, length, queries, view.rows, view.window, found)
    return tf.nest.map_structure(
        lambda x: float(tf.reduce_mean(tf.boolean_mask(x, counted))), measures
    )


def judged(
    attention: TargetAttention,
    queries: tf.Tensor,
    rows: tf.Tensor,
    window: Window,
    found: Mapping[str, Selection],
) -> dict[str, dict[str, tf.Tensor]]:
    """Returns what `gsu_recall` does, of each target, [B, T].

    Args:
      attention: the judge.
      queries: [B, T, H, D].
      rows: [B, L, D].
      window: what each target sees.
      found: by search unit, those of TWIN's among them, of [B, T, K].
    """
    length = tf.shape(rows)[1]
    mass = tf.exp(log_mass(relevance(queries, rows), *window))
    exact = attention(queries, rows, window.mask(length))
    masks = {unit: selection.mask(length) for unit, selection in found.items()}
    kept = {unit: tf.reduce_sum(tf.where(mask, mass, 0), -1) for unit, mask in masks.items()}
    return {
        unit: {
            OVERLAP: overlap(found[unit], found["twin_per_head"]),
            MASS_KEPT: kept[unit] / kept["twin_mass"],
            OUTPUT_ERROR: tf.norm(attention(queries, rows, mask) - exact, axis=-1)
            / tf.norm(exact, axis=-1),
        }
        for unit, mask in masks.items()
    }


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


def overlap(found: Selection, exact: Selection) -> tf.Tensor:
    """Returns the share of `exact` that is `found`, [B, T]; NaN where `exact` is empty."""
    same = found.positions[..., None] == exact.positions[..., None, :]
    same &= found.valid[..., None] & exact.valid[..., None, :]
    hits = tf.reduce_sum(tf.cast(same, tf.float32), [-1, -2])
    return hits / tf.reduce_sum(tf.cast(exact.valid, tf.float32), -1)
