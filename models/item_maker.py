"""What makes rows of items of what is known of them, beside the model that holds such rows.

A service reads a table of rows (`models/layers/item_rows.py`). What they are made of, features'
tables and Transform's vocabularies, is a SavedModel of its own, in a folder that no service loads:
so a table can be made anew, with items that training did not know (`everlong items`).
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf
import tensorflow_transform as tft

from models import feature_config, features
from models.base import CtrModel
from models.feature_config import IdsFeature, VectorFeature
from models.settings import PreprocessingSettings
from models.transform_graph import TransformGraph

FOLDER = "item_maker"  # below the SavedModel's
SIGNATURE = "rows"


def output(number: int) -> str:
    """The output that holds the rows of a model's embedding of that number."""
    return f"rows_{number}"


class ItemMaker(tf.Module):
    """Makes rows of items.

    Args:
      model: trained, whose items have features.
      transform_output: of the Transform run on whose examples it was trained.
      settings: with which it ran.
    """

    def __init__(
        self,
        model: CtrModel,
        transform_output: tft.TFTransformOutput,
        settings: PreprocessingSettings,
    ) -> None:
        super().__init__()
        self._embeddings = lambda: model.embeddings  # out of sight, as in `ServingModule`
        self._features = feature_config.of(
            "item", feature_config.embedded(settings.features, settings.tables)
        )
        self.transform = TransformGraph(transform_output)
        self._spec = {
            name: tf.TensorSpec([None], spec.dtype, name)
            for name, spec in transform_output.raw_feature_spec().items()
            if name.startswith(features.item_feature("")) and name != features.ITEM_COUNT
        }

    def export(self, path: str) -> None:
        """Writes the SavedModel to the folder `path`."""
        rows = tf.function(self.rows, input_signature=[self._spec], autograph=False)
        made = rows.get_concrete_function()
        self.weights = list(made.variables)
        tf.saved_model.save(self, path, {SIGNATURE: made})

    def rows(self, raw: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Returns the rows of n items.

        Args:
          raw: the features of the split `items` (docs/architecture.md), one after the other:
            `item_id` [n]; `item_<name>` [n], of `ids` [sum of the lengths] with
            `item_<name>_length` [n], of a vector [n x dim].

        Returns:
          [n, D] float32 of each embedding. An item that training did not know has its features and
          what the unknown item's id adds.
        """
        ragged = {
            name: tf.RaggedTensor.from_row_lengths(values, [tf.size(values, tf.int64)])
            for name, values in raw.items()
        }
        ids = {name: values.flat_values for name, values in self.transform(ragged).items()}
        items = tf.cast(ids[features.ITEM_ID], tf.int32)
        fields, vectors = {}, {}
        for name, feature in self._features.items():
            column = features.item_feature(name)
            if isinstance(feature, VectorFeature):
                numbers = tf.reshape(ids[column], [-1, feature.dim])
                vectors[name] = tf.where(tf.math.is_nan(numbers), 0.0, numbers)
                continue
            values = tf.cast(ids[column], tf.int32)
            if isinstance(feature, IdsFeature):
                lists = tf.RaggedTensor.from_row_lengths(values, ids[features.length_of(column)])
                fields[name] = lists[:, : feature.max_values].to_tensor(features.PADDING_ID)
            else:
                fields[name] = values[:, None]
        made = {}
        for number, embedding in enumerate(self._embeddings()):
            assert embedding.item_features is not None, "items have features"
            rows = embedding.own_rows(items) + embedding.item_features.of_values(fields, vectors)
            made[output(number)] = tf.cast(rows, tf.float32)
        return made
