"""What search units keep of exact attention: hand-made numbers, and a brute-force judge."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models.gsu_recall import gsu_recall, overlap
from models.layers import Selection
from models.view import View
from tests.models.batches import SIZES, random_batch, tensors
from tests.models.small_models import small_model


def selection(positions, valid=None):
    positions = tf.constant(positions)
    return Selection(positions, tf.ones_like(positions, tf.bool) if valid is None else valid)


def test_overlap_by_hand():
    exact = selection([[[1, 4, 6, 9], [0, 1, 2, 3], [5, 6, 7, 8]]])
    found = selection(
        [[[4, 5, 6, 0], [0, 1, 2, 3], [9, 9, 9, 9]]],
        tf.constant([[[True, True, True, False], [True] * 4, [True] * 4]]),
    )
    assert overlap(found, exact).numpy().tolist() == [[2 / 4, 4 / 4, 0]]


def literal_relevance(model, view, b, t):
    """What each head's relevance of each visible behaviour is, [H, N], keys projected."""
    layer = model.long_term.relevance
    width, J = view.target.shape[-1], layer.features
    rows, target = view.rows.numpy(), view.target.numpy()
    keys, cross = rows[..., :width], rows[..., width:]
    beta = layer.bias.absorbed().numpy()
    alpha = np.array(
        [
            [
                (layer.key_kernel.numpy()[h] @ keys[b, p])
                @ (layer.query_kernel.numpy()[h] @ target[b, t])
                / layer.head_dim**0.5
                + cross[b, p] @ beta[h, : J * layer.cross_dim]
                for p in visible(view, b, t)
            ]
            for h in range(layer.num_heads)
        ]
    )
    # Nothing near a tie, which sums of float32 in another order could break otherwise.
    assert np.diff(np.sort(alpha)).min(initial=1) > 1e-5 * np.abs(alpha).max(initial=1)
    return alpha


def visible(view, b, t):
    return range(view.window.first.numpy()[b, t], view.window.stop.numpy()[b, t])


def literal_exact(model, view, count):
    """Ranks behaviours for each head, and reads the heads' lists round robin."""
    chosen = np.empty(view.window.first.shape, object)
    for b, t in np.ndindex(*chosen.shape):
        seen = visible(view, b, t)
        lists = [
            [seen[i] for i in np.argsort(-alpha, kind="stable")]
            for alpha in literal_relevance(model, view, b, t)
        ]
        found = []
        for ranks in zip(*lists, strict=True):
            for p in ranks:
                if p not in found and len(found) < count:
                    found.append(p)
        chosen[b, t] = set(found)
    return chosen


def literal_mass(model, view, b, t):
    """Each visible behaviour's share of the attention, mean over heads, [N]."""
    alpha = literal_relevance(model, view, b, t)
    weights = np.exp(alpha - alpha.max(1, keepdims=True))
    return (weights / weights.sum(1, keepdims=True)).mean(0)


def batch_of_long_histories():
    """A user's behaviours are all of other items, for equal rows tie."""
    batch = random_batch(seed=4, users=3, targets=4, length=SIZES.item - 1)
    rng, real = np.random.default_rng(4), batch["history_item"] > 0
    items = rng.permuted(np.tile(np.arange(1, SIZES.item), (len(real), 1)), axis=1)
    batch["history_item"] = np.where(real, items, 0)
    batch["target_hist_end"][:] = batch["history_length"][:, None]
    return tensors(batch)


def model_whose_heads_read_all(variant):
    """Before any training a head reads its slice of a row: equal categories tie, of other items."""
    model = small_model(variant)
    layer = model.long_term.relevance
    for number, kernel in enumerate((layer.query_kernel, layer.key_kernel)):
        kernel.assign_add(tf.random.stateless_normal(kernel.shape, [number, 4]))
    return model


def test_recall_is_counted_against_brute_force():
    model, batch = model_whose_heads_read_all("twin"), batch_of_long_histories()
    found = gsu_recall(model, batch)
    view = View.of(batch, model.embedding, 3)
    exact = literal_exact(model, view, 3)
    shares = {"twin_shared": [], "recency": [], "sim_hard": []}
    own = model.long_term.retrieve(view)
    category, wanted = (x["category"].numpy() for x in (view.ids, view.target_ids))
    for b, t in np.ndindex(*exact.shape):
        first, stop = view.window.first.numpy()[b, t], view.window.stop.numpy()[b, t]
        if stop - first > 3:
            same = [p for p in range(first, stop) if category[b, p] == wanted[b, t]][:3]
            of_model = own.positions.numpy()[b, t].tolist()
            for unit, chosen in {
                "twin_shared": of_model,
                "recency": range(first, first + 3),
                "sim_hard": same,
            }.items():
                shares[unit].append(len(exact[b, t] & set(chosen)) / 3)
    assert found["twin_per_head"]["overlap"] == 1
    for unit, values in shares.items():
        assert found[unit]["overlap"] == pytest.approx(np.mean(values)), unit


def test_mass_and_error_are_those_of_brute_force():
    model, batch = model_whose_heads_read_all("twin"), batch_of_long_histories()
    found = gsu_recall(model, batch)
    view, attention = View.of(batch, model.embedding, 3), model.long_term.attention
    queries = model.long_term.relevance(view.target, view.window.size)
    kept, errors = {"twin_per_head": [], "recency": []}, {"twin_mass": [], "recency": []}
    for b, t in np.ndindex(*view.window.first.shape):
        seen = visible(view, b, t)
        if len(seen) <= 3:
            continue
        mass = literal_mass(model, view, b, t)
        best = np.argsort(-mass)[:3]
        walk = [p - seen[0] for p in literal_exact(model, view, 3)[b, t]]
        chosen = {"twin_mass": best, "twin_per_head": walk, "recency": [0, 1, 2]}
        for unit, values in kept.items():
            values.append(mass[chosen[unit]].sum() / mass[best].sum())

        def output(places, b=b, t=t, seen=seen):  # the attention is tested itself
            mask = np.isin(np.arange(view.length), [seen[i] for i in places])[None, None]
            of_target = queries[b : b + 1, t : t + 1]
            return attention(of_target, view.rows[b : b + 1], tf.constant(mask)).numpy()

        exact = output(range(len(seen)))
        for unit, values in errors.items():
            difference = output(chosen[unit]) - exact
            values.append(np.linalg.norm(difference) / np.linalg.norm(exact))
    assert found["twin_mass"]["mass_kept"] == pytest.approx(1)
    for measure, expected in (("mass_kept", kept), ("output_error", errors)):
        for unit, values in expected.items():
            assert found[unit][measure] == pytest.approx(
                np.mean(values),
                rel=1e-4,
                abs=1e-7,  # an error of 0 rounds as float32 does
            ), unit


def test_a_model_that_reads_its_heads_in_turn_finds_all():
    model, batch = model_whose_heads_read_all("twin per head"), batch_of_long_histories()
    view = View.of(batch, model.embedding, 3)
    exact, own = literal_exact(model, view, 3), model.long_term.retrieve(view)
    for b, t in np.ndindex(*exact.shape):
        positions = own.positions.numpy()[b, t][own.valid.numpy()[b, t]]
        assert set(positions.tolist()) == exact[b, t]


@pytest.mark.parametrize("variant", ["twin", "sim_hard", "sim_soft", "eta"])
def test_all_units_are_judged_by_any_model_with_exact_attention(variant):
    found = gsu_recall(small_model(variant), batch_of_long_histories())
    assert set(found) == {
        "twin_per_head", "twin_shared", "twin_mass", "sim_soft", "eta", "mirrn_local",
        "mirrn_global", "sim_hard", "recency",
    }  # fmt: skip
    assert all(0 <= of_unit["overlap"] <= 1 for of_unit in found.values())
    assert all(0 <= of_unit["mass_kept"] <= 1 + 1e-6 for of_unit in found.values())


@pytest.mark.parametrize("variant", ["din", "avg_pooling", "mirrn"])
def test_no_exact_attention_no_recall(variant):
    assert gsu_recall(small_model(variant), batch_of_long_histories()) == {}


def test_targets_that_see_no_more_than_k_do_not_count():
    batch = random_batch(length=3, targets=2)
    assert gsu_recall(small_model("twin"), tensors(batch)) == {}
