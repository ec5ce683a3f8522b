"""Random batches in the layout that models read."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from models.features import FeatureSizes

SIZES = FeatureSizes(item=40, category=7, cross={"behavior": 5})


def random_batch(
    seed: int = 0,
    users: int = 3,
    targets: int = 4,
    length: int = 12,
    sizes: FeatureSizes = SIZES,
    padding: int = 0,
) -> dict[str, np.ndarray]:
    """Returns ragged histories (the last user's is empty) and targets with random prefixes.

    Args:
      seed: int.
      users: int, B; the last target of the first user is padding.
      targets: int, T.
      length: int, L without padding.
      sizes: rows of the embedding tables.
      padding: int, slots of further padding.
    """
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, length + 1, users)
    lengths[0], lengths[-1] = length, 0 if users > 1 else length
    real = np.arange(length + padding) < lengths[:, None]

    def history(values):
        return np.where(real, np.pad(values, [(0, 0), (0, padding)]), 0)

    def ids(size, shape):
        return rng.integers(1, size, shape).astype(np.int32)

    batch = {
        "history_item": history(ids(sizes.item, (users, length))),
        "history_category": history(ids(sizes.category, (users, length))),
        "history_time": history(np.cumsum(rng.integers(0, 90, (users, length)), 1)),
        "history_length": lengths.astype(np.int32),
        "target_item": ids(sizes.item, (users, targets)),
        "target_category": ids(sizes.category, (users, targets)),
        "target_time": rng.integers(0, 50, (users, targets)) + 90 * length,
        "target_hist_end": rng.integers(0, lengths[:, None] + 1, (users, targets)),
        "target_request": rng.integers(0, 2, (users, targets)).astype(np.int32),
        "target_valid": np.ones((users, targets), bool),
        "label": rng.integers(0, 2, (users, targets)).astype(np.float32),
    }
    for name, size in sizes.cross.items():
        batch[f"history_{name}"] = history(ids(size, (users, length)))
    batch["target_hist_end"][0, 0] = length
    batch["target_hist_end"] = batch["target_hist_end"].astype(np.int32)
    begin = batch["target_hist_end"] - rng.integers(0, 6, (users, targets))
    batch["target_local_begin"] = np.maximum(begin, 0).astype(np.int32)
    if targets > 1:
        batch["target_valid"][0, -1] = False
    return batch


def tensors(batch: dict[str, np.ndarray]) -> dict[str, tf.Tensor]:
    """Returns the batch as tensors."""
    return {name: tf.constant(values) for name, values in batch.items()}
