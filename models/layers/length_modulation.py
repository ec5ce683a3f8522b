"""How an attention depends on how much history there is."""

from __future__ import annotations

import tensorflow as tf

WAVES = 8  # sines, and as many cosines, of a length's logarithm
# Where an attention is as sharp as without, and sharper by half of GAIN where it starts to blur.
MIDDLE, SLOPE, GAIN = 100.0, 50.0, 0.5


@tf.keras.utils.register_keras_serializable("everlong")
class LengthModulation(tf.keras.layers.Layer):
    """What a length adds to a target that asks, and the temperature of the answer.

    An attention that serves histories of 5 and of 5,000 behaviours learns mostly from the long
    ones (LAIN, arXiv 2601.19142). A length becomes sines and cosines of learned frequencies, and
    these a vector that is added to the target: with `W_q` behind it, that is what concatenating it
    to the query is. The same vector at the keys would add one number to all of a target's
    relevances, which a softmax does not see, so keys are left as they are. The temperature
    `1 + gain * sigmoid((middle - n) / slope)` blurs the attention of short histories.

    Deviates from the paper in reading `ln(1 + n)`, as sines of 10^4 different lengths would alias,
    in starting as an attention without any such vector, and in having no prompts.

    Args:
      units: int, width of a target.
    Call arguments:
      size: int [...], behaviours that a target sees.
    Returns:
      [..., units] float, to be added to targets; [..., 1] float above 1, to divide relevance by.
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        periods = tf.exp(tf.linspace(tf.math.log(25.0), tf.math.log(0.8), WAVES))
        self.frequencies = self.add_weight(
            name="frequencies",
            shape=[WAVES],
            initializer=lambda shape, dtype=None: tf.cast(6.2832 / periods, dtype or tf.float32),
        )
        # In logarithms: all three stay positive, and move at the rate at which weights do.
        self.gain, self.middle, self.slope = (
            self.add_weight(
                name=name,
                shape=[],
                initializer=tf.keras.initializers.Constant(tf.math.log(value)),
            )
            for name, value in (("gain", GAIN), ("middle", MIDDLE), ("slope", SLOPE))
        )
        self.encode = tf.keras.Sequential(
            [
                tf.keras.layers.Dense(units),
                tf.keras.layers.LayerNormalization(),
                tf.keras.layers.Dense(units, activation="relu"),
                tf.keras.layers.Dense(units, kernel_initializer="zeros"),
            ],
            name="encode",
        )
        self.encode.build([None, 2 * WAVES])

    def call(self, size: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        size = tf.cast(size, tf.float32)[..., None]
        angle = tf.math.log1p(size) * tf.cast(self.frequencies, tf.float32)
        waves = tf.cast(tf.concat([tf.sin(angle), tf.cos(angle)], -1), self.compute_dtype)
        flat = self.encode(tf.reshape(waves, [-1, 2 * WAVES]))
        added = tf.reshape(flat, tf.concat([tf.shape(size)[:-1], [self.units]], 0))
        gain, middle, slope = (
            tf.exp(tf.cast(x, tf.float32)) for x in (self.gain, self.middle, self.slope)
        )
        temperature = 1 + gain * tf.sigmoid((middle - size) / slope)
        return added, tf.cast(temperature, self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"units": self.units}
