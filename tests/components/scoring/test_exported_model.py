"""What is read of the files of examples."""

from __future__ import annotations

import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2

from components.scoring.exported_model import trained_items


def test_items_with_a_training_row_are_counted_over_all_files(tmp_path):
    schema = schema_pb2.Schema()
    for name, kind in (("item_count", schema_pb2.INT), ("item_brand", schema_pb2.BYTES)):
        schema.feature.add(name=name, type=kind)
    files = []
    for number, chunks in enumerate(([[2, 0, 1], [1]], [[0, 0]])):
        files.append(str(tmp_path / f"{number}.gz"))
        with tf.io.TFRecordWriter(files[-1], "GZIP") as writer:
            for counts in chunks:
                example = tf.train.Example()
                example.features.feature["item_count"].int64_list.value.extend(counts)
                example.features.feature["item_brand"].bytes_list.value.extend([b"a"] * len(counts))
                writer.write(example.SerializeToString())
    assert trained_items(files, schema) == 3
