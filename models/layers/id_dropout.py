"""Known ids that are taken for unknown ones in training, so that the unknown row is trained."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from models import features

# The ids of a batch, by their vocabulary; those of its distinct items stand for rows of their own.
_COLUMNS = {
    features.ITEM: (features.HISTORY_ITEM, features.TARGET_ITEM, features.OWN_ITEMS),
    features.CATEGORY: (features.HISTORY_CATEGORY, features.TARGET_CATEGORY),
}


class IdDropout(tf.keras.__internal__.layers.BaseRandomLayer):
    """Makes a share of all items and of all categories unknown, others in each step.

    An id is unknown in the whole batch or nowhere in it: a target whose item is unknown still finds
    that item in its history, as it does in a service that does not know it. Its features stay.

    Which ids these are is told by the universal hash `a id + b` mod 2^64, of which two random
    numbers a table and step are drawn (Dietzfelbinger et al., A Reliable Randomized Algorithm for
    the Closest-Pair Problem, 1997): each is with the probability `rate`, and any two are
    independently. So a step costs a product for each id, and nothing for each row of a table.

    Args:
      rate: float, in (0, 1).
      sizes: rows of the tables of `item` and of `category`, of which the last is the unknown one.
    Call arguments:
      batch: int32 ids by feature name, see `features`.
      training: whether any are made unknown.
    Returns:
      the batch, with `batch_own_items` where it names its distinct items.
    """

    def __init__(self, rate: float, sizes: Mapping[str, int], **kwargs):
        super().__init__(**kwargs)
        self.rate, self.sizes = rate, dict(sizes)

    def call(
        self, batch: Mapping[str, tf.Tensor], training: bool = False
    ) -> Mapping[str, tf.Tensor]:
        if not training:
            return batch
        if features.BATCH_ITEMS in batch:
            batch = {**batch, features.OWN_ITEMS: batch[features.BATCH_ITEMS]}
        drawn = self._random_generator.random_uniform(
            [len(self.sizes), 2], tf.int64.min, tf.int64.max, dtype=tf.int64
        )
        dropped = {}
        for (vocabulary, size), numbers in zip(self.sizes.items(), tf.unstack(drawn), strict=True):
            for name in _COLUMNS[vocabulary]:
                if name in batch:
                    dropped[name] = self._dropped(batch[name], size - 1, numbers)
        return {**batch, **dropped}

    def _dropped(self, ids: tf.Tensor, unknown: int, numbers: tf.Tensor) -> tf.Tensor:
        a, b = tf.unstack(tf.bitcast(numbers, tf.uint64))
        hashed = a * tf.cast(ids, tf.uint64) + b
        chosen = hashed < tf.constant(int(self.rate * 2**64), tf.uint64)
        return tf.where(chosen & (ids != features.PADDING_ID), unknown, ids)
