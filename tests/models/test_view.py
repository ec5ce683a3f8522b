"""The view of a batch: newest first, and what each target may see."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models import view
from models.layers import BehaviorEmbedding, Selection, TargetPositionEncoding
from models.layers.distinct import STEP
from models.view import View
from tests.models.batches import SIZES, random_batch, tensors


@pytest.fixture(scope="module")
def embedding():
    return BehaviorEmbedding(SIZES.item, SIZES.category, SIZES.cross, 3, 2, 2)


def test_histories_run_newest_first_and_reach_the_least_length(embedding):
    batch = random_batch(length=4)
    seen = View.of(tensors(batch), embedding, 6)
    assert seen.length == 6
    item = np.pad(batch["history_item"], [(0, 0), (0, 2)])
    np.testing.assert_array_equal(seen.ids["item"], item[:, ::-1])


def test_windows_hold_the_prefix_and_the_local_subsequence(embedding):
    batch = random_batch(seed=2)
    seen = View.of(tensors(batch), embedding, 1)
    visible = seen.window.mask(seen.length).numpy()[..., ::-1]
    local = seen.local.mask(seen.length).numpy()[..., ::-1]
    for b, t in np.ndindex(*batch["target_item"].shape):
        end = batch["target_hist_end"][b, t] if batch["target_valid"][b, t] else 0
        begin = batch["target_local_begin"][b, t]
        assert np.flatnonzero(visible[b, t]).tolist() == list(range(end))
        assert np.flatnonzero(local[b, t]).tolist() == list(range(min(begin, end), end))


def test_an_end_beyond_the_history_is_cut(embedding):
    batch = random_batch()
    batch["target_hist_end"][1] = 99
    seen = View.of(tensors(batch), embedding, 1)
    assert (seen.window.size.numpy()[1] == batch["history_length"][1]).all()


@pytest.mark.parametrize("length", [5, 20])  # less than the 8 choices of a user, and more
@pytest.mark.parametrize("masked", [0, 100])
def test_recall_gather_subsequence_and_distance_by_loops(embedding, monkeypatch, masked, length):
    monkeypatch.setattr(view, "MASKED_LENGTH", masked)
    batch = random_batch(seed=1, length=length)
    seen = View.of(tensors(batch), embedding, 1)
    rng = np.random.default_rng(0)
    shape = (*batch["target_item"].shape, 2)
    chosen = Selection(
        tf.constant(rng.integers(0, length, shape), tf.int32), tf.constant(rng.random(shape) < 0.7)
    )
    kernel = rng.normal(size=(embedding.behavior_dim, 3)).astype(np.float32)
    rows, gathered = seen.rows.numpy(), seen.gather(chosen).numpy()
    encoding = TargetPositionEncoding(embedding.behavior_dim)
    encoding.kernel.assign(tf.random.stateless_normal(encoding.kernel.shape, [1, 2]))
    products = seen.subsequence(chosen, encoding).times(tf.constant(kernel), 1.0).numpy()
    behaviors, gap = (x.numpy() for x in seen.distance(chosen))
    recalled, mask = (x.numpy() for x in seen.recall(chosen))
    for b, t, k in np.ndindex(*shape):
        p = chosen.positions.numpy()[b, t, k]
        valid = chosen.valid[b, t, k]
        np.testing.assert_allclose(gathered[b, t, k], rows[b, p])
        encoded = encoding(behaviors[b, t, k, None], gap[b, t, k, None]).numpy()[0]
        expected = (rows[b, p] + encoded) @ kernel + 1 if valid else np.ones(3)
        np.testing.assert_allclose(products[b, t, k], expected, rtol=1e-4, atol=1e-5)
        if valid:
            time = batch["target_time"][b, t] - batch["history_time"][b, length - 1 - p]
            assert gap[b, t, k] == time
            assert behaviors[b, t, k] == p - seen.window.first.numpy()[b, t]
        else:
            assert gap[b, t, k] == behaviors[b, t, k] == 0
        if masked:
            assert not valid or mask[b, t, p]
        else:
            np.testing.assert_allclose(recalled[b, t, k], rows[b, p])
            assert mask[b, t, k] == valid


def test_targets_share_a_moment_while_they_follow_each_other_and_see_the_same(embedding):
    batch = random_batch(users=2, targets=6)
    batch["target_valid"][:] = True
    batch["history_length"][1] = 9
    batch["target_hist_end"][:] = [[9, 9, 9, 9, 9, 9], [9, 9, 5, 5, 5, 9]]
    batch["target_local_begin"][:] = [[3, 3, 3, 3, 3, 3], [3, 3, 3, 4, 4, 3]]
    batch["target_time"][:] = [[50, 50, 50, 50, 50, 50], [50, 60, 60, 60, 60, 60]]
    seen = View.of(tensors(batch), embedding, 1)
    moments, place = seen.moments()
    assert place.numpy().tolist() == [[0, 0, 0, 0, 0, 0], [0, 1, 2, 3, 3, 4]]
    targets = np.array([[0, 0, 0, 0, 0], [0, 1, 2, 3, 5]])
    for given, shown in (
        (seen.window.first, moments.window.first),
        (seen.window.stop, moments.window.stop),
        (seen.local.stop, moments.local.stop),
        (seen.target_time, moments.target_time),
        (seen.target, moments.target),
        (seen.target_ids["item"], moments.target_ids["item"]),
    ):
        expected = [given.numpy()[b, targets[b]] for b in range(2)]
        np.testing.assert_array_equal(shown.numpy(), expected)


def _sums(rows, mask):
    """The sum of what is read, of rows of a user or of each target."""
    weights = tf.cast(mask, rows.dtype)
    if rows.shape.rank == 3:
        return tf.matmul(weights, rows)
    return tf.reduce_sum(weights[..., None] * rows, 2)


def _newest_sums(batch, seen, count, columns):
    """The oracle of `_sums`: of a target's rows [begin, end), oldest first, the last `count`."""
    rows = seen.rows.numpy()[:, ::-1]
    end = np.minimum(batch["target_hist_end"], batch["history_length"][:, None])
    expected = np.zeros([*end.shape, columns], np.float32)
    for b, t in np.ndindex(*end.shape):
        if batch["target_valid"][b, t]:
            read = rows[b, max(end[b, t] - count, 0) : end[b, t], rows.shape[2] - columns :]
            expected[b, t] = read.sum(0)
    return expected


@pytest.mark.parametrize("masked", [0, 100])
def test_recent_reads_the_newest(embedding, monkeypatch, masked):
    monkeypatch.setattr(view, "MASKED_LENGTH", masked)
    batch = random_batch(seed=4)
    seen = View.of(tensors(batch), embedding, 1)
    width, names = embedding.cross_dim * len(embedding.cross_sizes), embedding.cross_sizes
    for found, columns in (
        (seen.of_recent(2, _sums), embedding.behavior_dim),
        (seen.of_recent(2, _sums, names), width),
    ):
        np.testing.assert_allclose(
            found, _newest_sums(batch, seen, 2, columns), rtol=1e-5, atol=1e-7
        )


@pytest.mark.parametrize("apart", [0, 2, 9])
@pytest.mark.parametrize("names", [None, "cross"])
def test_training_reads_of_short_histories_what_is_recent_to_any_target(embedding, apart, names):
    batch = random_batch(seed=4, users=2, targets=5, length=15)
    batch["history_length"][:] = 15
    batch["target_hist_end"][:] = 15 - np.minimum(np.arange(5), apart)
    batch["target_valid"][:] = True
    names = names and embedding.cross_sizes
    columns = embedding.behavior_dim if names is None else len(names) * embedding.cross_dim

    @tf.function(autograph=False)
    def run():
        counts, seen = [], View.of(tensors(batch), embedding, 1)

        def pool(rows, mask):
            counts.append(tf.shape(rows)[1])
            return _sums(rows, mask)

        with tf.GradientTape() as tape:
            sums = seen.of_recent(2, pool, names)
            loss = tf.reduce_sum(sums**2)
        tables = list(embedding.tables.values())
        kept = tape.gradient(loss, tables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return sums, counts, [tf.convert_to_tensor(x) for x in kept]

    sums, counts, gradients = run()
    seen = View.of(tensors(batch), embedding, 1)
    expected = _newest_sums(batch, seen, 2, columns)
    np.testing.assert_allclose(sums, expected, rtol=1e-5, atol=1e-7)
    assert counts[0] == 2 + min(apart, 4)
    with tf.GradientTape(persistent=True) as tape:  # eager mode reads all under a mask
        seen = View.of(tensors(batch), embedding, 1)
        loss = tf.reduce_sum(seen.of_recent(2, _sums, names) ** 2)
    for found, table in zip(gradients, embedding.tables.values(), strict=True):
        other = tape.gradient(loss, table, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        np.testing.assert_allclose(found, tf.convert_to_tensor(other), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("apart", [0, 2, 3, 9])  # of 4 behaviours at once, 5 are too many
@pytest.mark.parametrize("names", [None, "cross"])
def test_a_graph_reads_what_is_recent_to_all_targets_once(embedding, monkeypatch, apart, names):
    batch = random_batch(seed=4, users=3, targets=5, length=11)
    batch["history_length"][:] = [11, 10, 0]
    batch["target_hist_end"][:] = 10 - np.minimum(np.arange(5), apart)
    batch["target_hist_end"][0] = batch["target_hist_end"][0, ::-1]
    batch["target_valid"][:] = True
    batch["target_valid"][1, 3:] = False
    names = names and embedding.cross_sizes
    columns = embedding.behavior_dim if names is None else len(names) * embedding.cross_dim
    ranks = []

    def pool(rows, mask):
        sums = _sums(rows, mask)
        together = tf.fill(tf.shape(sums[..., :1]), float(rows.shape.rank == 3))
        ranks.append(rows.shape.rank)
        return tf.concat([sums, together], -1)

    @tf.function(
        autograph=False,
        input_signature=[
            {n: tf.TensorSpec([None] * x.shape.rank, x.dtype) for n, x in tensors(batch).items()}
        ],
    )
    def run(batch):
        return View.of(batch, embedding, 1).of_recent(2, pool, names)

    *sums, together = np.moveaxis(run(tensors(batch)).numpy(), -1, 0)
    seen = View.of(tensors(batch), embedding, 1)
    expected = _newest_sums(batch, seen, 2, columns)
    np.testing.assert_allclose(np.stack(sums, -1), expected, rtol=1e-5, atol=1e-7)
    assert sorted(ranks) == [3, 4]
    assert together.ravel().tolist() == [apart <= 2] * 15


@pytest.mark.parametrize(("length", "rows"), [(4, 3 * 4), (20, 3 * 4 * 2)])
def test_gradients_touch_the_fewer_of_behaviors_and_choices(embedding, length, rows):
    with tf.GradientTape() as tape:
        seen = View.of(tensors(random_batch(users=3, targets=4, length=length)), embedding, 1)
        loss = tf.reduce_sum(seen.gather(seen.window.select(2)))
    gradient = tape.gradient(loss, embedding.trainable_variables[0])
    assert gradient.indices.shape == [rows]


def test_a_graph_reads_each_chosen_behavior_once(embedding, monkeypatch):
    """It gives what eager mode, which gathers every choice, does: values and gradients."""
    monkeypatch.setattr(view, "STEP", 1)
    batch = tensors(random_batch(seed=3, targets=4, length=20))
    encoding = TargetPositionEncoding(embedding.behavior_dim)
    encoding.kernel.assign(tf.random.stateless_normal(encoding.kernel.shape, [1, 2]))
    kernel = tf.random.stateless_normal([embedding.behavior_dim, 3], [3, 4])

    def run():
        with tf.GradientTape() as tape:
            seen = View.of(batch, embedding, 1)
            chosen = seen.window.select(3)
            products = seen.subsequence(chosen, encoding).times(kernel)
            mask = tf.cast(chosen.valid, tf.float32)[..., None]
            gathered = seen.gather(chosen) * mask
            loss = tf.reduce_sum(products**2) + tf.reduce_sum(gathered**3)
        return products, gathered, tape.gradient(loss, [*embedding.trainable_variables])

    apart, together = tf.function(run)(), run()
    rows = [len(gradients[2][0].indices) for gradients in (apart, together)]
    assert rows == [2 * 3 * STEP, 2 * 3 * 4 * 3]  # of 3 users, read twice
    for ours, theirs in zip(apart[:2], together[:2], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    for ours, theirs in zip(apart[2], together[2], strict=True):
        dense = (tf.convert_to_tensor(x) for x in (ours, theirs))
        np.testing.assert_allclose(*dense, rtol=1e-4, atol=1e-6)
        assert set(ours.indices.numpy()) == set(theirs.indices.numpy())  # what LazyAdam touches
