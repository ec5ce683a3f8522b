"""Small sets of raw examples, as BehaviorExampleGen makes them, for what comes after it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import tensorflow as tf
from tfx_bsl.coders import example_coder

Columns = dict[str, list]


def columns(
    examples: int,
    targets: int = 1,
    length: int = 20,
    users: int | None = None,
    match: int = 4,
    ids: str = "int",
    split: str = "train",
    seed: int = 0,
    together: int = 5,
) -> Columns:
    """Raw features of `examples` examples: name -> one list of values for each example.

    Args:
      targets: T, of every example.
      length: L, of every example.
      users: number of distinct users; None: one for each example.
      ids: "int" or "string".
      split: "eval" adds the slices and the oracle.
      together: examples of a user that one request showed.
    """
    random = np.random.default_rng(seed)

    def name(values: np.ndarray) -> list:
        return values.tolist() if ids == "int" else [[b"%d" % v for v in row] for row in values]

    oracle = random.random((examples, targets))
    labels = (random.random((examples, targets)) < oracle).astype(float)
    user = np.arange(examples)[:, None] % (users or examples)
    request = np.arange(examples)[:, None] // (users or examples) // together
    times = np.sort(random.integers(0, 10**6, (examples, length)), axis=1)
    result = {
        "user_id": name(user),
        "history_item": name(random.integers(0, 500, (examples, length))),
        "history_category": name(random.integers(0, 20, (examples, length))),
        "history_time": times.tolist(),
        "target_item": name(random.integers(0, 500, (examples, targets))),
        "target_category": name(random.integers(0, 20, (examples, targets))),
        "target_time": (times[:, -1:] + 1 + np.arange(targets)).tolist(),
        "target_request": np.repeat(request, targets, axis=1).tolist(),
        "target_hist_end": np.full((examples, targets), length).tolist(),
        "target_local_begin": np.full((examples, targets), max(length - 16, 0)).tolist(),
        "target_match": random.integers(-1, length, (examples, targets * match)).tolist(),
        "label": labels.tolist(),
    }
    if split == "eval":
        visible = 2 ** int(np.log2(length))
        result["slice_history_length"] = np.full((examples, 1), visible).tolist()
        result["slice_user_activity"] = (2 ** random.integers(0, 8, (examples, 1))).tolist()
        result["target_oracle"] = oracle[:, :1].tolist()
    return result


def serialized(data: Columns) -> list[bytes]:
    """The examples as serialized `tf.Example`s."""
    types = {int: pa.int64(), float: pa.float32(), bytes: pa.binary()}
    arrays = []
    for values in data.values():
        first = next((row[0] for row in values if row), 0)
        arrays.append(pa.array(values, pa.large_list(types[type(first)])))
    batch = pa.RecordBatch.from_arrays(arrays, list(data))
    return example_coder.RecordBatchToExamples(batch)


def write(folder: Path, examples: Iterable[bytes], shards: int = 1) -> Path:
    """Writes `folder/data-0000i-of-0000n.gz` as BehaviorExampleGen does, and returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    examples = list(examples)
    for shard in range(shards):
        path = str(folder / f"data-{shard:05d}-of-{shards:05d}.gz")
        with tf.io.TFRecordWriter(path, tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
            for example in examples[shard::shards]:
                writer.write(example)
    return folder
