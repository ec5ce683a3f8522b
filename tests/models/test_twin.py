"""TWIN's long-term interest against loops over heads and behaviours."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models.buckets import BatchShape
from models.config import TwinConfig
from models.inputs import Layout, Split
from models.layers import relevance as relevance_module
from models.preprocessing import feature_sizes
from models.registry import build_model
from models.twin import FEW_TARGETS
from models.view import MASKED_LENGTH, View
from tests.models.batches import random_batch, tensors
from tests.models.layers.test_search import literal_round_robin
from tests.models.small_models import small_model


def interest_by_loops(model, seen, search):
    """GSU then ESU for each target, from the layers' weights alone."""
    twin = model.long_term
    queries = twin.relevance(
        seen.target, seen.window.size
    ).numpy()  # itself tested against equation 5
    rows, num_heads = seen.rows.numpy(), queries.shape[2]
    first, stop = (edge.numpy() for edge in seen.window)
    out = np.zeros((*first.shape, twin.attention.units))
    for b, t in np.ndindex(*first.shape):
        alpha = queries[b, t] @ rows[b].T
        visible = range(first[b, t], stop[b, t])
        if search == "per_head":
            ranked = [sorted(visible, key=lambda p, h=h: -alpha[h, p]) for h in range(num_heads)]
            chosen = literal_round_robin(ranked, twin.config.top_k)
        else:
            mean = alpha.mean(0)
            if search == "mass" and visible:
                weights = np.exp(alpha[:, visible] - alpha[:, visible].max(1, keepdims=True))
                mean[visible] = (weights / weights.sum(1, keepdims=True)).mean(0)
            chosen = sorted(visible, key=lambda p: -mean[p])[: twin.config.top_k]
        values = []
        for h in range(num_heads):
            weights = np.exp(alpha[h, chosen] - max(alpha[h, chosen], default=0))
            pooled = sum(
                w / weights.sum() * rows[b, p] for w, p in zip(weights, chosen, strict=True)
            )
            kernel = twin.attention.value_kernel.numpy()[h]
            values.append(pooled @ kernel if chosen else np.zeros(kernel.shape[1]))
        kernel, bias = (w.numpy() for w in twin.attention.output_layer.weights)
        out[b, t] = np.concatenate(values) @ kernel + bias
    return out


@pytest.mark.parametrize("search", ["shared", "per_head", "mass"])
def test_interest_is_what_search_and_attention_say(search):
    model = small_model("twin", search=search)
    seen = View.of(tensors(random_batch(seed=8, length=20)), model.embedding, 3)
    np.testing.assert_allclose(
        model.long_term(seen),
        interest_by_loops(model, seen, search),
        rtol=1e-4,
        atol=1e-4,
    )


def test_search_agrees_with_the_attention_that_reads():
    """TWIN's Fig. 4: with fresh parameters the recall of the first stage is complete."""
    model = small_model("twin", num_heads=1)
    twin = model.long_term
    seen = View.of(tensors(random_batch(seed=9, length=30)), model.embedding, 3)
    queries = twin.relevance(seen.target, seen.window.size)
    chosen = twin.choose(seen, queries)
    exact = relevance_module.relevance(queries, seen.rows).numpy()[:, :, 0]
    exact = np.where(seen.window.mask(seen.length), exact, -np.inf)
    for b, t in np.ndindex(*exact.shape[:2]):
        valid = chosen.valid.numpy()[b, t]
        best = np.argsort(-exact[b, t], kind="stable")[: valid.sum()]
        assert set(chosen.positions.numpy()[b, t][valid]) == set(best)


@pytest.mark.parametrize("search", ["shared", "per_head", "mass"])
def test_few_targets_find_what_loops_find_in_a_history_too_long_for_masks(search):
    model = small_model("twin", search=search)
    batch = random_batch(seed=8, length=MASKED_LENGTH + 1, targets=FEW_TARGETS)
    seen = View.of(tensors(batch), model.embedding, 3)
    np.testing.assert_allclose(
        model.long_term(seen),
        interest_by_loops(model, seen, search),
        rtol=1e-4,
        atol=1e-4,
    )


@pytest.mark.parametrize("targets", [FEW_TARGETS, FEW_TARGETS + 1])
@pytest.mark.parametrize("length", [10, 30])  # tables are longer than two histories, and not
def test_few_targets_score_alike_in_graphs_that_do_not_know_how_many(targets, length):
    model = small_model("twin")
    batch = tensors(random_batch(seed=8, length=length, targets=targets))
    spec = {n: tf.TensorSpec([None] * x.shape.rank, x.dtype) for n, x in batch.items()}
    program = tf.function(model, input_signature=[spec])
    np.testing.assert_allclose(program(batch), model(batch), rtol=1e-4, atol=1e-5)


def test_position_encoding_is_read():
    model = small_model("twin", position_encoding=True)
    batch = random_batch()
    before = model(tensors(batch)).numpy()
    batch["target_time"] += 10**6
    assert (model(tensors(batch)).numpy() != before).any()


@pytest.mark.parametrize("short_seq_len", [0, 3])
@pytest.mark.parametrize("read", [False, True])
def test_cross_features_are_read_where_configured_and_nowhere_else(read, short_seq_len):
    model = small_model("twin", short_seq_len=short_seq_len, cross_features=read)
    batch = random_batch()
    before = model(tensors(batch)).numpy()
    batch["history_behavior"] = batch["history_behavior"] % 4 + 1
    assert (model(tensors(batch)).numpy() != before).any() == read


def test_the_context_of_targets_is_read_without_cross_features(transformed_features):
    found = transformed_features
    sizes = feature_sizes(found.output, found.settings, found.items())
    config = TwinConfig(name="twin", item_dim=8, category_dim=4, num_heads=2, cross_features=False)
    model = build_model(config, sizes, seed=1)
    files = tf.io.gfile.glob(found.files("validation"))
    split = Split(files, found.output.transformed_feature_spec(), Layout.of(sizes), 2**30)
    ((dataset, _),) = split.batches([BatchShape(20, 32, 8)], None)
    (batch,) = dataset
    logits = model(batch).numpy()

    def changed(name):
        return model(batch | {name: tf.ones_like(batch[name])}).numpy()

    np.testing.assert_array_equal(changed("history_tab"), logits)
    assert not np.allclose(changed("target_tab"), logits)
