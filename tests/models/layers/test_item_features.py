"""Items with features: embedded once each, against a lookup of every feature of every behaviour."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models import features
from models.config import DareConfig, MirrnConfig, TwinConfig
from models.features import Embedded, FeatureSizes, ItemTable
from models.inputs import distinct_items
from models.layers import IdDropout, embedding_of
from models.registry import build_model
from models.view import View
from tests.models.batches import random_batch, tensors

ITEMS, KNOWN = 30, 20  # rows of the table of items; items with a row of their own
DIM = 8


@st.composite
def sizes(draw: st.DrawFn) -> FeatureSizes:
    """Draws features of every kind, of items, users, context and events."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    fields, ids = [], {}
    for number in range(draw(st.integers(0, 3))):
        values = draw(st.integers(1, 3))
        rows = draw(st.integers(4, 9))
        shared = draw(st.booleans()) and bool(fields)
        table = fields[0].table if shared else f"item{number}"
        rows = fields[0].rows if shared else rows
        width = fields[0].width if shared else draw(st.sampled_from([None, 3, DIM]))
        pooling = draw(st.sampled_from(["mean", "sum"])) if values > 1 else None
        fields.append(Embedded(f"item{number}", table, rows, width, values, pooling))
        real = rng.integers(0, values + 1, [ITEMS, 1]) > np.arange(values)
        if values == 1:
            real[:] = True
        ids[f"item{number}"] = (rng.integers(1, rows, [ITEMS, values]) * real).astype(np.int32)
    vectors = {}
    if draw(st.booleans()) or not ids:
        vectors["vector"] = rng.normal(size=(ITEMS, 5)).astype(np.float32)
    users = [Embedded("age", "age", 5), Embedded("likes", "likes", 6, 4, 3, "mean")]
    if fields:
        users.append(Embedded("taste", fields[0].table, fields[0].rows, fields[0].width, 2, "sum"))
    return FeatureSizes(
        item=KNOWN + 2,
        category=7,
        cross={"behavior": 5, "tab": 6, "dwell": 4, "device": 6},
        cross_tables={"device": "tab", "tab": "tab"},
        context=("tab",),
        user=tuple(users[: draw(st.integers(0, len(users)))]),
        item_features=tuple(fields),
        items=ItemTable(KNOWN, ids, vectors),
    )


def batch_of(sizes: FeatureSizes, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    batch = random_batch(seed, sizes=dataclasses.replace(sizes, item=ITEMS), padding=3)
    for field in sizes.user:
        most = rng.integers(0, field.values + 1, [3, 1]) if field.values > 1 else 1
        real = np.arange(field.values) < most
        batch[f"user_{field.name}"] = (
            rng.integers(1, field.rows, [3, field.values]) * real
        ).astype(np.int32)
    for name in sizes.context:
        batch[f"target_{name}"] = rng.integers(1, sizes.cross[name], [3, 4]).astype(np.int32)
    return batch


def literal_item(embedding, sizes: FeatureSizes, item: int) -> np.ndarray:
    """The row of one item, feature by feature."""
    known = embedding.item_features
    row = embedding.tables["item"].numpy()[min(item, KNOWN + 1)].astype(np.float64)
    for field in sizes.item_features:
        table = known.tables[field.table].numpy()
        values = [v for v in sizes.items.ids[field.name][item].tolist() if v]
        own = sum((table[v] for v in values), np.zeros(table.shape[1]))
        if field.pooling == "mean" and values:
            own = own / len(values)
        if table.shape[1] != DIM:
            own = own @ known._projections[field.table].numpy()
        row = row + own
    for name, vectors in sizes.items.vectors.items():
        row = row + vectors[item] @ known._vector_projections[name].numpy()
    return row


def literal_rows(embedding, sizes: FeatureSizes, batch: dict[str, np.ndarray]) -> np.ndarray:
    """The rows of all behaviours, oldest first, each feature looked up for each of them."""
    users, length = batch["history_item"].shape
    rows = []
    for user in range(users):
        for place in range(length):
            at = {n: batch[f"history_{n}"][user, place] for n in ("item", "category", *sizes.cross)}
            cross = [
                embedding.tables[sizes.cross_tables.get(name, name)].numpy()[at[name]]
                for name in sizes.cross
            ]
            item = literal_item(embedding, sizes, at["item"])
            category = embedding.tables["category"].numpy()[at["category"]]
            rows.append(np.concatenate([item, category, *cross]))
    return np.reshape(rows, [users, length, -1])


@settings(max_examples=25, deadline=None)
@given(sizes=sizes(), seed=st.integers(0, 1000))
def test_rows_are_those_of_a_lookup_for_every_behaviour(sizes, seed):
    embedding = embedding_of(sizes, DIM, 4, 3)
    batch = batch_of(sizes, seed)
    expected = literal_rows(embedding, sizes, batch)
    plain = tensors(batch)
    for given_batch in (plain, plain | distinct_items(plain)):
        view = View.of(given_batch, embedding, 1)
        np.testing.assert_allclose(view.rows.numpy()[:, ::-1], expected, rtol=1e-4, atol=1e-6)
        target = [literal_item(embedding, sizes, i) for i in batch["target_item"].ravel()]
        np.testing.assert_allclose(
            view.target.numpy().reshape(12, -1)[:, :DIM], target, rtol=1e-4, atol=1e-6
        )
    embedding.embed_all_items()
    frozen = View.of(plain, embedding, 1)
    np.testing.assert_allclose(frozen.rows.numpy()[:, ::-1], expected, rtol=1e-4, atol=1e-6)


@settings(max_examples=10, deadline=None)
@given(sizes=sizes(), seed=st.integers(0, 1000))
def test_an_item_that_is_taken_for_an_unknown_one_keeps_its_features(sizes, seed):
    embedding = embedding_of(sizes, DIM, 4, 3)
    batch = batch_of(sizes, seed)
    found = IdDropout(0.5, {"item": sizes.item, "category": sizes.category})(
        {**tensors(batch), **distinct_items(tensors(batch))}, training=True
    )
    table = embedding.tables["item"].numpy()
    view = View.of(found, embedding, 1)
    at = batch["target_item"].ravel()
    taken = found["target_item"].numpy().ravel() != at
    own = np.where(taken, sizes.item - 1, np.minimum(at, sizes.item - 1))
    known = [literal_item(embedding, sizes, i) - table[min(i, sizes.item - 1)] for i in at]
    np.testing.assert_allclose(
        view.target.numpy().reshape(12, -1)[:, :DIM], known + table[own], rtol=1e-4, atol=1e-6
    )


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), users=st.integers(1, 4))
def test_distinct_items_are_what_they_stand_for(seed, users):
    batch = tensors(random_batch(seed, users=users))
    found = {name: values.numpy() for name, values in distinct_items(batch).items()}
    items = found[features.BATCH_ITEMS]
    np.testing.assert_array_equal(items[found[features.HISTORY_PLACE]], batch["history_item"])
    np.testing.assert_array_equal(items[found[features.TARGET_PLACE]], batch["target_item"])
    real = items[: len(set(items.tolist()) | {0}) - (0 not in items)]
    assert len(set(real.tolist())) == len(real)


MODELS = (
    TwinConfig(name="twin", item_dim=DIM, category_dim=8, top_k=3, short_seq_len=2),
    MirrnConfig(name="mirrn", item_dim=DIM, category_dim=8, top_k=4, short_seq_len=2),
    DareConfig(name="dare", item_dim=DIM, category_dim=8, top_k=3, attention_dim=4),
)


@settings(max_examples=6, deadline=None)
@given(sizes=sizes(), seed=st.integers(0, 1000), config=st.sampled_from(MODELS))
def test_a_model_scores_and_learns_alike_whether_items_are_distinct_or_not(sizes, seed, config):
    model = build_model(config, sizes, seed=1)
    plain = tensors(batch_of(sizes, seed))
    results = []
    for batch in (plain, plain | distinct_items(plain)):
        with tf.GradientTape() as tape:
            loss = model.compute_loss(batch)
        gradients = tape.gradient(loss, model.trainable_variables)
        dense = [tf.convert_to_tensor(g).numpy() for g in gradients if g is not None]
        results.append((model(batch).numpy(), loss.numpy(), dense))
    (logits, loss, gradients), (other_logits, other_loss, other_gradients) = results
    np.testing.assert_allclose(logits, other_logits, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(loss, other_loss, rtol=1e-5)
    for one, other in zip(gradients, other_gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-6)
    model.embed_all_items()
    np.testing.assert_allclose(model(plain).numpy(), logits, rtol=1e-4, atol=1e-5)


def test_every_feature_moves_the_score():
    drawn = FeatureSizes(
        item=KNOWN + 2,
        category=7,
        cross={"behavior": 5, "tab": 6},
        context=("tab",),
        user=(Embedded("age", "age", 5),),
        item_features=(Embedded("author", "author", 9),),
        items=ItemTable(KNOWN, {"author": np.arange(ITEMS, dtype=np.int32)[:, None] % 9}, {}),
    )
    model = build_model(MODELS[0], drawn, seed=1)
    batch = batch_of(drawn, 3)
    before = model(tensors(batch)).numpy()
    tables = {"tab", "age", "author", "item", "category", "behavior"}
    assert {v.name.split("/")[-1].split(":")[0] for v in model.embedding_variables} == tables
    for table in model.embedding_variables:
        old = table.numpy()
        table.assign(old + np.random.default_rng(1).normal(size=old.shape).astype(np.float32))
        assert not np.allclose(model(tensors(batch)).numpy(), before), table.name
        table.assign(old)
