"""HSTU's tokens, and what it refuses."""

from __future__ import annotations

import numpy as np

from models.view import View
from tests.models.batches import random_batch, tensors
from tests.models.small_models import small_model


def test_a_target_is_a_behavior_whose_outcome_is_masked():
    model = small_model("hstu", blocks=1)
    hstu = model.long_term
    hstu.masked.assign(np.arange(8.0))
    seen = View.of(tensors(random_batch(seed=3)), model.embedding, 1)
    read = []
    hstu.blocks = [lambda encoded, gaps, training: read.append(encoded) or encoded]
    hstu(seen)
    kernel, bias = (w.numpy() for w in hstu.token.weights)
    rows, targets = seen.rows.numpy(), seen.target.numpy()
    np.testing.assert_allclose(read[0].history, rows @ kernel + bias, atol=1e-5)
    item = targets @ kernel[: targets.shape[-1]]
    np.testing.assert_allclose(read[0].targets, item + bias + np.arange(8.0), atol=1e-5)


def test_the_past_is_read_in_order():
    model = small_model("hstu")
    batch = random_batch(seed=5)
    first = model(tensors(batch))[0]
    assert batch["target_hist_end"][0].max() > 1
    for name in ("history_item", "history_category", "history_behavior"):
        batch[name][0, :2] = batch[name][0, 1::-1]
    assert np.abs(first - model(tensors(batch))[0]).max() > 1e-4
