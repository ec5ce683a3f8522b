"""Transform's graph as a part of a module that is saved."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf
import tensorflow_transform as tft


class TransformGraph(tf.Module):
    """What Transform does to raw features, and of it in a SavedModel its vocabularies alone.

    TFT's layer is a Keras model: saved itself, it would be traced again in Keras' own ways of
    calling it, which nobody loads.

    Args:
      transform_output: of a Transform run.
    """

    def __init__(self, transform_output: tft.TFTransformOutput) -> None:
        super().__init__()
        layer = transform_output.transform_features_layer()
        self._apply = lambda raw: layer(raw)  # a function keeps it out of sight
        kinds = (tf.saved_model.experimental.TrackableResource, tf.saved_model.Asset)
        parts = tf.train.TrackableView(layer).descendants()
        self.vocabularies = [part for part in parts if isinstance(part, kinds)]

    def __call__(self, raw: Mapping[str, tf.RaggedTensor]) -> dict[str, tf.RaggedTensor]:
        """Returns the transformed features that follow from these raw ones."""
        return self._apply(raw)
