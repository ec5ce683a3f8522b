"""TWIN-V2 against loops over what each target may see, and against TWIN."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from models.view import View
from tests.models.batches import SIZES, random_batch, tensors
from tests.models.layers.test_clusters import literal_clusters
from tests.models.layers.test_search import literal_round_robin
from tests.models.small_models import small_model

TOLERANCE = {"rtol": 1e-4, "atol": 1e-4}  # of sums of float32 in another order


def same_weights(model, other):
    """The model, with the weights of the other one."""
    for mine, theirs in zip(model.trainable_variables, other.trainable_variables, strict=True):
        mine.assign(theirs)
    return model


def view_of(batch, model):
    return View.of(tensors(batch), model.embedding, model.long_term.min_length)


def literal_candidates(config, history):
    """(behaviour, size) of what a target searches through that sees `history`, oldest first.

    Args:
      history: (category, behavior, item) of each behaviour.
    """
    found = []
    whole = len(history) // config.chunk * config.chunk
    for begin in range(0, whole, config.chunk):
        newest_first = range(begin + config.chunk - 1, begin - 1, -1)
        groups = [history[i][0] for i in newest_first]
        order = [history[i][1] * 1000 + history[i][2] for i in newest_first]
        for run in literal_clusters(groups, order, config.chunk // config.compression):
            found.append((newest_first[run[(len(run) - 1) // 2]], len(run)))
    return found + [(i, 1) for i in range(whole, len(history))]


def interest_by_loops(model, batch, search):
    """Both stages for each target, which is given nothing but what it sees."""
    twin, config = model.long_term, model.config
    seen = view_of(batch, model)
    queries = twin.relevance(
        seen.target, seen.window.size
    ).numpy()  # itself tested against TWIN's equation 5
    rows = seen.rows.numpy()[:, ::-1]
    ids = [batch[f"history_{name}"] for name in ("category", "behavior", "item")]
    out = np.zeros((*queries.shape[:2], twin.attention.units))
    for b, t in np.ndindex(*queries.shape[:2]):
        end = batch["target_hist_end"][b, t] if batch["target_valid"][b, t] else 0
        found = literal_candidates(config, list(zip(*(x[b, :end] for x in ids), strict=True)))
        alpha = np.array(
            [[q @ rows[b, i] + math.log(n) for i, n in found] for q in queries[b, t]]
        ).reshape(config.num_heads, len(found))
        if search == "per_head":
            ranked = [sorted(range(len(found)), key=lambda c, a=a: -a[c]) for a in alpha]
            chosen = literal_round_robin(ranked, config.top_k)
        else:
            weights = np.exp(alpha - alpha.max(1, keepdims=True, initial=-1e9))
            mass = (weights / weights.sum(1, keepdims=True)).mean(0)
            score = mass if search == "mass" else alpha.mean(0)
            chosen = sorted(range(len(found)), key=lambda c, s=score: -s[c])[: config.top_k]
        values = []
        for h, kernel in enumerate(twin.attention.value_kernel.numpy()):
            # ln n in a softmax: the behaviour n times.
            copies = [i for c in chosen for i in [found[c][0]] * found[c][1]]
            own = np.array([queries[b, t, h] @ rows[b, i] for i in copies])
            weights = np.exp(own - own.max(initial=-1e9))
            pooled = sum(w * rows[b, i] for w, i in zip(weights, copies, strict=True))
            values.append(pooled / weights.sum() @ kernel if copies else np.zeros(kernel.shape[1]))
        kernel, bias = (w.numpy() for w in twin.attention.output_layer.weights)
        out[b, t] = np.concatenate(values) @ kernel + bias
    return out


@pytest.mark.parametrize("search", ["shared", "per_head", "mass"])
@pytest.mark.parametrize(("compression", "chunk"), [(2, 4), (3, 6), (4, 4)])
def test_interest_is_what_loops_say(search, compression, chunk):
    model = small_model("twin_v2", search=search, compression=compression, chunk=chunk)
    batch = random_batch(seed=8, length=21, targets=6, padding=2)
    np.testing.assert_allclose(
        model.long_term(view_of(batch, model)),
        interest_by_loops(model, batch, search),
        **TOLERANCE,
    )


@pytest.mark.parametrize("search", ["shared", "per_head", "mass"])
@pytest.mark.parametrize("options", [{"compression": 1, "chunk": 4}, {"chunk": 1000}])
def test_without_compression_it_is_twin(search, options):
    twin = small_model("twin", search=search)
    model = same_weights(small_model("twin_v2", search=search, **options), twin)
    batch = tensors(random_batch(seed=4, length=21, targets=6))
    np.testing.assert_allclose(model(batch), twin(batch), **TOLERANCE)


@pytest.mark.parametrize("copies", [1, 2, 3, 5])
def test_equal_behaviors_attend_as_one_cluster_of_so_many(copies):
    """Chunks of equal behaviours, and some singly, read whole: exactly what all of them give."""
    length = 4 * copies + copies - 1
    whole = small_model("twin", top_k=length)
    options = {"top_k": length, "compression": copies, "chunk": copies}
    model = same_weights(small_model("twin_v2", **options), whole)
    batch = random_batch(seed=copies, users=4, targets=6, length=length)
    for name in ("item", "category", "behavior"):
        chunks = batch[f"history_{name}"][:, : 4 * copies].reshape(4, 4, copies)
        batch[f"history_{name}"][:, : 4 * copies] = np.repeat(chunks[..., :1], copies, 2).reshape(
            4, -1
        )
    seen = view_of(batch, model)
    weights = model.long_term.candidates(seen).weights.numpy()
    np.testing.assert_allclose(weights.max(), math.log(copies), rtol=1e-6)
    expected = whole.long_term(view_of(batch, whole))
    np.testing.assert_allclose(model.long_term(seen), expected, **TOLERANCE)


def test_what_comes_after_a_target_reaches_it_through_no_cluster():
    """Users of one history, each of whose targets sees one behaviour more than the last one's."""
    model = small_model("twin_v2", compression=3, chunk=6)
    one = random_batch(users=1, targets=1, length=20)
    batch = {name: np.repeat(values, 21, 0) for name, values in one.items()}
    batch["target_hist_end"][:, 0] = np.arange(21)
    batch["target_local_begin"][:] = 0
    before = model(tensors(batch)).numpy()
    later = np.arange(20) >= batch["target_hist_end"]
    rng = np.random.default_rng(7)
    for name in ("item", "category", "behavior"):
        values = batch[f"history_{name}"]
        values[later] = rng.integers(1, 5, later.sum())
    np.testing.assert_allclose(model(tensors(batch)).numpy(), before, **TOLERANCE)


@pytest.mark.parametrize("search", ["shared", "per_head", "mass"])
def test_what_is_retrieved_is_told_newest_first(search):
    model = small_model("twin_v2", search=search, top_k=9)
    batch = random_batch(seed=3, length=21, targets=6)
    positions, valid = model.long_term.retrieve(view_of(batch, model))
    for b, t in np.ndindex(*valid.shape[:2]):
        end = batch["target_hist_end"][b, t] if batch["target_valid"][b, t] else 0
        count = min(9, end // 4 * 2 + end % 4)
        assert valid[b, t].numpy().tolist() == [True] * count + [False] * (9 - count)
        assert (np.diff(positions[b, t, :count]) > 0).all()


def test_clusters_do_not_depend_on_where_a_batch_keeps_items():
    model = small_model("twin_v2", compression=4, chunk=4)
    batch = random_batch(seed=2, length=20)
    batch["history_category"][batch["history_category"] > 0] = 1  # so that items make the order
    seen = view_of(batch, model)
    expected = model.long_term.candidates(seen)
    places = tf.constant(np.random.default_rng(0).permutation(SIZES.item).astype(np.int32))
    ids = {**seen.ids, "item": tf.gather(tf.argsort(places), seen.ids["item"])}
    found = model.long_term.candidates(dataclasses.replace(seen, ids=ids, batch_items=places))
    np.testing.assert_array_equal(found.positions, expected.positions)
    assert (expected.weights.numpy() == np.float32(math.log(4))).any()


def test_a_search_goes_through_no_more_than_what_targets_see():
    """Two targets in the third chunk of five: 2 and 5 of its behaviours, and 3 clusters a chunk."""
    model = small_model("twin_v2", compression=2, chunk=6)
    batch = random_batch(users=1, targets=2, length=30)
    batch["target_hist_end"][:] = [[14, 17]]
    batch["target_valid"][:] = True
    found = model.long_term.candidates(view_of(batch, model))
    assert found.positions.shape == (1, 5 + 5 * 3)
    np.testing.assert_array_equal(found.seen.numpy().sum(-1), [[2 + 2 * 3, 5 + 2 * 3]])
