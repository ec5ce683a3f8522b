"""The Fourier transformer against numpy, as described and as released."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models.layers import FourierTransformer
from models.layers.fourier_transformer import hilbert_matrix
from models.layers.subsequence import Subsequence
from tests.models.numeric import numeric_gradient

B, T, HEADS, WIDTH = 2, 2, 2, 6
HEAD_DIM = WIDTH // HEADS


def transformer(steps, **options):
    layer = FourierTransformer(HEADS, **options)
    layer.build([B, T, steps, WIDTH])
    rng = np.random.default_rng(5)
    layer.set_weights([rng.normal(size=w.shape).astype(np.float32) for w in layer.weights])
    return layer


def draw(steps, seed=0):
    rng = np.random.default_rng(seed)
    behaviors = rng.normal(size=(B, T, steps, WIDTH)).astype(np.float32)
    valid = np.arange(steps) < rng.integers(1, steps + 1, (B, T, 1))
    valid[0, 0] = True
    valid[1, 1] = False
    return behaviors, valid


def plain(behaviors, valid):
    """Gathered behaviours without a position encoding."""
    phi, weights = tf.zeros([*behaviors.shape[:3], 1]), tf.zeros([1, WIDTH])
    return Subsequence(behaviors, None, phi, weights, tf.constant(valid))


def by_numpy(layer, behaviors, valid):
    """`LayerNorm(x + irfft(rfft(x) W))`, one subsequence and one head at a time."""
    real, imaginary, scale, offset = (w.numpy() for w in layer.weights)
    steps = behaviors.shape[2]
    out = np.zeros(behaviors.shape)
    for b, t in np.ndindex(B, T):
        x = behaviors[b, t] * valid[b, t][:, None]
        spectrum = np.fft.rfft(x, axis=0, norm="ortho")
        mixed = np.zeros_like(spectrum)
        for h in range(HEADS):
            columns = slice(h * HEAD_DIM, (h + 1) * HEAD_DIM)
            weight = real[h] + 1j * imaginary[h]
            if layer.mix == "diagonal":  # released: einsum("blnd,ndd->blnd")
                weight = np.diag(weight)
            for f in range(spectrum.shape[0]):
                mixed[f, columns] = spectrum[f, columns] @ weight
        y = x + np.fft.irfft(mixed, steps, axis=0, norm="ortho")
        for k in np.flatnonzero(valid[b, t]):
            normal = (y[k] - y[k].mean()) / np.sqrt(y[k].var() + layer.epsilon)
            out[b, t, k] = normal * scale + offset
    return out


@pytest.mark.parametrize("steps", [1, 4, 5])
@pytest.mark.parametrize("transform", ["fft", "matmul"])
@pytest.mark.parametrize("mix", ["block", "diagonal"])
def test_transformer_is_the_papers(mix, transform, steps):
    layer = transformer(steps, mix=mix, transform=transform)
    behaviors, valid = draw(steps)
    np.testing.assert_allclose(
        layer(tf.constant(behaviors), tf.constant(valid)),
        by_numpy(layer, behaviors, valid),
        rtol=1e-3,
        atol=1e-4,
    )


@pytest.mark.parametrize("transform", ["fft", "matmul"])
@pytest.mark.parametrize("mix", ["block", "diagonal"])
@pytest.mark.parametrize("steps", [5, 6])
def test_mean_is_the_mean_of_the_valid(mix, transform, steps):
    layer = transformer(steps, mix=mix, transform=transform)
    behaviors, valid = draw(steps, seed=1)
    rng = np.random.default_rng(2)
    present = valid[..., None]
    phi = (rng.normal(size=(B, T, steps, 3)) * present).astype(np.float32)
    weights = rng.normal(size=(3, WIDTH)).astype(np.float32)
    y = by_numpy(layer, behaviors + phi @ weights, valid)
    expected = y.sum(2) / np.maximum(valid.sum(2), 1)[..., None]
    rows = (behaviors * present).reshape(B, T * steps, WIDTH)
    positions = np.arange(T * steps, dtype=np.int32).reshape(1, T, steps).repeat(B, 0)
    for arguments in [(rows, positions), (behaviors * present, None)]:
        arguments = [*arguments, phi, weights, valid]
        behaviors = Subsequence(*(None if x is None else tf.constant(x) for x in arguments))
        for mean in (layer.mean, tf.function(layer.mean)):  # all at once, and in parts
            np.testing.assert_allclose(mean(behaviors), expected, rtol=1e-3, atol=1e-4)


def test_released_einsum_reads_only_the_diagonals():
    """The released code's own expression, run on a full matrix, equals `diagonal`."""
    layer = transformer(4, mix="diagonal")
    behaviors, valid = draw(4)
    valid[:] = True
    real, imaginary, scale, offset = (w.numpy() for w in layer.weights)
    full = np.random.default_rng(0).normal(size=(HEADS, HEAD_DIM, HEAD_DIM)).astype(complex)
    for h in range(HEADS):
        np.fill_diagonal(full[h], real[h] + 1j * imaginary[h])
    x = behaviors.reshape(-1, 4, WIDTH)
    spectrum = np.fft.rfft(x, axis=1, norm="ortho").reshape(len(x), 3, HEADS, HEAD_DIM)
    mixed = np.einsum("blnd,ndd->blnd", spectrum, full).reshape(len(x), 3, WIDTH)
    y = x + np.fft.irfft(mixed, 4, axis=1, norm="ortho")
    y = (y - y.mean(-1, keepdims=True)) / np.sqrt(y.var(-1, keepdims=True) + layer.epsilon)
    actual = layer(tf.constant(behaviors), tf.constant(valid)).numpy()
    np.testing.assert_allclose(actual.reshape(x.shape), y * scale + offset, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("steps", [1, 2, 3, 8])
def test_hilbert_matrix_turns_sines_into_cosines(steps):
    matrix, time = hilbert_matrix(steps), np.arange(steps)
    np.testing.assert_allclose(matrix.sum(0), 0, atol=1e-12)  # no constant, no highest frequency
    for f in range(1, (steps + 1) // 2):
        angle = 2 * np.pi * f * time / steps
        np.testing.assert_allclose(matrix @ np.cos(angle), -np.sin(angle), atol=1e-12)
        np.testing.assert_allclose(matrix @ np.sin(angle), np.cos(angle), atol=1e-12)


@pytest.mark.parametrize(
    ("transform", "steps", "through"),
    [
        ("fft", 3, "call"),
        ("matmul", 3, "call"),
        ("fft", 3, "mean"),
        ("matmul", 3, "mean"),
        ("matmul", 4, "mean"),
    ],
)
def test_gradients_are_the_finite_differences(transform, steps, through):
    layer = transformer(steps, transform=transform)
    behaviors, valid = draw(steps, seed=4)
    rng = np.random.default_rng(1)
    scale = rng.normal(size=(B, T, WIDTH)).astype(np.float32)
    counts = np.maximum(valid.sum(2), 1)[..., None]

    def mean(x):
        if through == "call":
            return tf.reduce_sum(layer(x, tf.constant(valid)), 2) / counts.astype(np.float32)
        zeroed = x * tf.cast(valid, tf.float32)[..., None]
        return layer.mean(plain(zeroed, valid))

    x = tf.constant(behaviors)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(mean(x) * scale)
    gradients = tape.gradient(loss, [x, layer.real, layer.imaginary])

    def f_behaviors(value):
        return ((by_numpy(layer, value, valid).sum(2) / counts) * scale).sum()

    np.testing.assert_allclose(
        gradients[0], numeric_gradient(f_behaviors, behaviors), rtol=5e-3, atol=1e-3
    )
    for variable, gradient in zip((layer.real, layer.imaginary), gradients[1:], strict=True):
        kept = variable.numpy()

        def f_weight(value, variable=variable):
            variable.assign(value)
            return f_behaviors(behaviors)

        np.testing.assert_allclose(gradient, numeric_gradient(f_weight, kept), rtol=2e-2, atol=5e-3)
        variable.assign(kept)


def test_dropout_acts_in_training_only():
    layer = transformer(4, dropout=0.5)
    behaviors, valid = map(tf.constant, draw(4))
    np.testing.assert_array_equal(layer(behaviors, valid), layer(behaviors, valid))
    assert (layer(behaviors, valid, training=True) != layer(behaviors, valid)).numpy().any()
    means = [layer.mean(plain(behaviors, valid), training=training) for training in (True, False)]
    assert (means[0] != means[1]).numpy().any()


def test_faults_are_named():
    with pytest.raises(ValueError, match=r"`num_heads` must divide .* 6. Received: 4"):
        FourierTransformer(4).build([1, 1, 2, 6])
    with pytest.raises(ValueError, match=r"`mix` .* Received: 'full'"):
        FourierTransformer(1, mix="full")
    with pytest.raises(ValueError, match=r"`transform` .* Received: 'dft'"):
        FourierTransformer(1, transform="dft")
