"""MIRRN's multi-head Fourier transformer."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

MIXES = ("block", "diagonal")
TRANSFORMS = ("fft", "matmul")


@tf.keras.utils.register_keras_serializable("everlong")
class FourierTransformer(tf.keras.layers.Layer):
    """Mixes a retrieved subsequence over time in the frequency domain.

    `y = LayerNorm(x + dropout(irfft(rfft(x) . W)))`, one complex [D/H, D/H] matrix `W_h` per head
    (MIRRN, arXiv 2411.15005, multi-head Fourier transformer). Transforms are orthonormal, over the K
    axis; `W` is the same at every frequency.

    Deviates from the released code, which reads only the diagonals of `W_h` (`mix="diagonal"`) and
    lets padding into the mean; here invalid positions enter as zeros and leave as zeros.

    With `W = A + iB`, `irfft(rfft(x) W) = x A + (C x) B`, where `C` is the real [K, K] matrix of
    `irfft(i rfft(.))`, the discrete Hilbert transform: `transform="matmul"` computes that.

    Args:
      heads: int, H > 0; must divide D.
      mix: "block" (as described) or "diagonal" (as released).
      transform: "fft" (`tf.signal.rfft` and `irfft`) or "matmul" (the same numbers, faster for
        K <= 100).
      dropout: float, 0 <= dropout < 1.
    Call arguments:
      behaviors: [B, T, K, D] float, oldest first.
      valid: [B, T, K] bool; False where fewer than K behaviours were found.
    Returns:
      [B, T, K, D] float.
    Raises:
      ValueError: if `heads` does not divide D.
    """

    def __init__(
        self,
        heads: int,
        mix: str = "block",
        transform: str = "fft",
        dropout: float = 0.0,
        epsilon: float = 1e-6,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if mix not in MIXES:
            raise ValueError(f"`mix` must be one of {MIXES}. Received: {mix!r}")
        if transform not in TRANSFORMS:
            raise ValueError(f"`transform` must be one of {TRANSFORMS}. Received: {transform!r}")
        self.heads, self.mix, self.transform = heads, mix, transform
        self.dropout, self.epsilon = dropout, epsilon
        self.dropout_layer = tf.keras.layers.Dropout(dropout)

    def build(self, input_shape):
        width = input_shape[-1]
        if width % self.heads:
            raise ValueError(
                f"`heads` must divide the width of a behaviour, {width}. Received: {self.heads}"
            )
        head_dim = width // self.heads
        shape = [self.heads, head_dim] + ([head_dim] if self.mix == "block" else [])
        initializer = tf.keras.initializers.RandomNormal(stddev=0.5 * head_dim**-0.5)
        self.real = self.add_weight(name="real", shape=shape, initializer=initializer)
        self.imaginary = self.add_weight(name="imaginary", shape=shape, initializer=initializer)
        self.scale = self.add_weight(name="scale", shape=[width], initializer="ones")
        self.offset = self.add_weight(name="offset", shape=[width], initializer="zeros")

    def call(self, behaviors, valid, training=False):
        present = tf.cast(valid, behaviors.dtype)[..., None]
        behaviors = behaviors * present
        mixed = self.mixed(behaviors)
        x = behaviors + self.dropout_layer(mixed, training=training)
        mean, variance = tf.nn.moments(x, -1, keepdims=True)
        x = (x - mean) * tf.math.rsqrt(variance + self.epsilon)
        return (x * self.scale + self.offset) * present

    def mixed(self, behaviors: tf.Tensor) -> tf.Tensor:
        """Returns `irfft(rfft(x) . W)` over the K axis, [B, T, K, D]."""
        shape = tf.shape(behaviors)
        steps, width = behaviors.shape[-2:]
        rows = tf.reshape(behaviors, [-1, steps, width])
        mix = self._by_fft if self.transform == "fft" else self._by_matmul
        return tf.reshape(mix(rows), shape)

    def _by_fft(self, rows: tf.Tensor) -> tf.Tensor:
        steps = rows.shape[-2]
        spectrum = tf.signal.rfft(tf.transpose(tf.cast(rows, tf.float32), [0, 2, 1]))
        real, imaginary = (
            tf.cast(tf.transpose(part(spectrum), [0, 2, 1]), rows.dtype)
            for part in (tf.math.real, tf.math.imag)
        )
        mixed_real = self._times(real, self.real) - self._times(imaginary, self.imaginary)
        mixed_imaginary = self._times(real, self.imaginary) + self._times(imaginary, self.real)
        # A real signal's spectrum is real at both ends; cuFFT, unlike others, does not drop the rest.
        mixed_imaginary *= tf.constant(inner_frequencies(steps)[:, None], rows.dtype)
        mixed = tf.complex(
            *(tf.cast(tf.transpose(x, [0, 2, 1]), tf.float32) for x in (mixed_real, mixed_imaginary))
        )
        # Orthonormal scaling cancels between the two transforms.
        return tf.cast(tf.transpose(tf.signal.irfft(mixed, [steps]), [0, 2, 1]), rows.dtype)

    def _by_matmul(self, rows: tf.Tensor) -> tf.Tensor:
        hilbert = tf.constant(hilbert_matrix(rows.shape[-2]), rows.dtype)
        return self._times(rows, self.real) + self._times(
            tf.matmul(hilbert, rows), self.imaginary
        )

    def _times(self, rows: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """Returns each head's columns of `rows` [N, S, D] times that head's `weights`."""
        width = rows.shape[-1]
        if self.mix == "diagonal":
            return rows * tf.reshape(weights, [width])
        # One large product with zeros off the diagonal blocks beats H small ones and transposes.
        eye = tf.eye(self.heads, dtype=weights.dtype)
        blocks = tf.reshape(weights[:, :, None, :] * eye[:, None, :, None], [width, width])
        return tf.reshape(tf.matmul(tf.reshape(rows, [-1, width]), blocks), tf.shape(rows))

    def get_config(self):
        return super().get_config() | {
            "heads": self.heads,
            "mix": self.mix,
            "transform": self.transform,
            "dropout": self.dropout,
            "epsilon": self.epsilon,
        }


def inner_frequencies(steps: int) -> np.ndarray:
    """Returns 1 for frequencies that have an imaginary part, else 0 (the first; the last if even)."""
    inner = np.ones(steps // 2 + 1)
    inner[0] = 0
    if steps % 2 == 0:
        inner[-1] = 0
    return inner


def hilbert_matrix(steps: int) -> np.ndarray:
    """Returns the [steps, steps] matrix of `x -> irfft(i rfft(x))`."""
    spectrum = 1j * np.fft.rfft(np.eye(steps), axis=0) * inner_frequencies(steps)[:, None]
    return np.fft.irfft(spectrum, steps, axis=0)
