"""MIRRN's long-term interest against loops over granularities and behaviours."""

from __future__ import annotations

import numpy as np
import pytest

from models import moments
from models.config import MirrnConfig
from models.layers.position_encoding import position_basis
from models.view import View
from tests.models.batches import random_batch, tensors
from tests.models.small_models import small_model


def query_by_loops(mirrn, grain, seen, b, t, width):
    """The vector that is hashed, from unprojected embeddings."""
    rows = seen.rows.numpy()[b][:, :width]
    first, stop = (edge.numpy()[b, t] for edge in seen.window)
    local_stop = seen.local.stop.numpy()[b, t]
    if grain == "target":
        return seen.target.numpy()[b, t]
    if grain == "local":
        if mirrn.config.local_query == "last_m":
            local_stop = min(local_stop, first + mirrn.config.local_last)
        return rows[first:local_stop].sum(0)
    if mirrn.config.global_query == "mean":
        return rows[first:stop].sum(0)
    signs = rows @ mirrn.queries.hash.projection.numpy()[:, :3] >= 0
    buckets = [int(row @ [1, 2, 4]) for row in signs]
    visible = list(range(first, stop))
    if not visible:
        return np.zeros(width)
    counts = np.bincount([buckets[p] for p in visible], minlength=8)
    return rows[[p for p in visible if buckets[p] == counts.argmax()]].sum(0)


def interest_by_loops(model, seen):
    mirrn = model.long_term
    config, width = mirrn.config, model.embedding.inherent_dim
    projection = mirrn.queries.hash.projection.numpy()
    rows, time, target_time = seen.rows.numpy(), seen.time.numpy(), seen.target_time.numpy()
    keys = rows[..., :width] @ projection >= 0
    shape = target_time.shape
    out = np.zeros((*shape, len(config.granularities), rows.shape[-1]))
    for b, t in np.ndindex(*shape):
        first, stop = (edge.numpy()[b, t] for edge in seen.window)
        for g, grain in enumerate(config.granularities):
            code = query_by_loops(mirrn, grain, seen, b, t, width) @ projection >= 0
            distance = (keys[b] != code).sum(-1)
            found = sorted(range(first, stop), key=lambda p: (distance[p], p))[: config.top_k]
            margin = config.agreement_margin * config.hash_bits
            found = [p for p in found if distance[p] <= distance[found[0]] + margin]
            found = sorted(found, reverse=True)  # oldest first
            x = np.zeros((config.top_k, rows.shape[-1]))
            for k, p in enumerate(found):
                gap = target_time[b, t] - time[b, p]
                phi = position_basis(np.array(p - first), np.array(gap)).numpy()
                x[k] = rows[b, p] + phi @ mirrn.position.kernel.numpy()
            y = refine_by_numpy(mirrn, mirrn.refine[g], x)
            out[b, t, g] = y[: len(found)].mean(0) if found else 0
    return mirrn.fusion(seen.target, out.astype(np.float32)).numpy()  # itself tested


def refine_by_numpy(mirrn, refinement, x):
    if mirrn.config.refinement == "none":
        return x
    transformer = refinement.transformer
    real, imaginary, scale, offset = (w.numpy() for w in transformer.weights)
    spectrum = np.fft.rfft(x, axis=0)
    mixed = np.zeros_like(spectrum)
    size = x.shape[1] // transformer.num_heads
    for h in range(transformer.num_heads):
        columns = slice(h * size, (h + 1) * size)
        weight = real[h] + 1j * imaginary[h]
        weight = np.diag(weight) if mirrn.config.fourier_mix == "diagonal" else weight
        mixed[:, columns] = spectrum[:, columns] @ weight
    y = x + np.fft.irfft(mixed, len(x), axis=0)
    y = (y - y.mean(-1, keepdims=True)) / np.sqrt(y.var(-1, keepdims=True) + 1e-6)
    return y * scale + offset


@pytest.mark.parametrize(
    "switches",
    [
        {},
        {"fourier_mix": "diagonal", "fourier_transform": "fft"},
        {"local_query": "last_m", "global_query": "cluster"},
        {"granularities": ["global", "target"], "refinement": "none"},
        {"agreement_margin": 0.0},
        {"agreement_margin": 0.12, "shared_refinement": True},
        {"agreement_margin": 1.0},
    ],
)
def test_interest_is_the_papers(switches):
    model = small_model("mirrn", **switches)
    seen = View.of(tensors(random_batch(seed=8, length=20)), model.embedding, 3)
    np.testing.assert_allclose(
        model.long_term(seen), interest_by_loops(model, seen), rtol=2e-3, atol=2e-3
    )


@pytest.mark.parametrize("transform", ["fft", "matmul"])
@pytest.mark.parametrize("mix", ["block", "diagonal"])
def test_both_transforms_give_the_same_logits(mix, transform):
    batch = tensors(random_batch(seed=1))
    reference = small_model("mirrn", fourier_mix=mix, fourier_transform="fft")
    other = small_model("mirrn", fourier_mix=mix, fourier_transform=transform)
    other.set_weights(reference.get_weights())
    np.testing.assert_allclose(other(batch), reference(batch), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shared", [False, True])
def test_each_query_has_a_refinement_of_its_own_unless_it_is_shared(shared):
    import tensorflow as tf

    model = small_model("mirrn", shared_refinement=shared)
    with tf.GradientTape() as tape:
        loss = model.compute_loss(tensors(random_batch()))
    blocks = [w for w in model.long_term.trainable_weights if w.name.endswith("real:0")]
    assert len(blocks) == (1 if shared else 3)
    gradients = tape.gradient(loss, blocks)
    assert all(gradient is not None and (gradient.numpy() != 0).any() for gradient in gradients)


def test_gru_is_trained():
    import tensorflow as tf

    model = small_model("mirrn", local_query="gru")
    with tf.GradientTape() as tape:
        loss = model.compute_loss(tensors(random_batch()))
    gradients = tape.gradient(loss, model.long_term.queries.gru.trainable_variables)
    assert all(gradient is not None and (gradient.numpy() != 0).any() for gradient in gradients)


@pytest.mark.parametrize(
    ("switches", "jit"),
    [
        ({}, False),
        ({}, True),
        ({"local_query": "gru"}, False),
        ({"granularities": ["global"]}, False),
    ],
)
def test_training_asks_once_a_moment_what_all_its_targets_ask(monkeypatch, switches, jit):
    """Of 12 targets in three requests: the same loss and gradients as of each by itself."""
    import tensorflow as tf

    batch = random_batch(seed=2, targets=12, length=20)
    for name in ("target_time", "target_hist_end", "target_local_begin"):
        batch[name] = batch[name][:, [0] * 5 + [5] * 4 + [9] * 3]
    batch["target_valid"][:] = True
    model, asked = small_model("mirrn", **switches), []
    interests = model.long_term._interests

    def counting(view, projected, names, training):
        asked.append((tuple(names), view.window.first.shape[1]))
        return interests(view, projected, names, training)

    monkeypatch.setattr(model.long_term, "_interests", counting)

    def run(given):
        asked.clear()
        variables = model.trainable_variables
        with tf.GradientTape() as tape:
            loss = model.compute_loss(given, training=True)
        gradients = tape.gradient(loss, variables)
        return loss, {
            v.name: tf.convert_to_tensor(g)
            for v, g in zip(variables, gradients, strict=True)
            if g is not None
        }

    alone = tensors(batch)
    expected = tf.function(run)(alone)
    names = model.config.granularities
    assert asked == [(tuple(names), 12)]
    found = tf.function(run, jit_compile=jit)(alone | moments.of_batch(alone, 3))
    of_target = [name for name in names if name == "target"]
    assert asked[0] == (tuple(of_target), 12)
    assert asked[1] == (tuple(n for n in names if n != "target"), 3)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5)
    assert found[1].keys() == expected[1].keys()
    for name, gradient in found[1].items():
        np.testing.assert_allclose(gradient, expected[1][name], rtol=1e-3, atol=1e-5, err_msg=name)


def test_time_and_outcome_are_read():
    model = small_model("mirrn", short_seq_len=0)
    batch = random_batch()
    before = model(tensors(batch)).numpy()
    later = {**batch, "target_time": batch["target_time"] + 10**6}
    assert (model(tensors(later)).numpy() != before).any()
    other = {**batch, "history_behavior": batch["history_behavior"] % 4 + 1}
    assert (model(tensors(other)).numpy() != before).any()


@pytest.mark.parametrize("granularities", [[], ["target", "target"]])
def test_granularities_must_be_named_once(granularities):
    with pytest.raises(ValueError, match="`granularities` must name at least one"):
        MirrnConfig(name="mirrn", granularities=granularities)
