"""Requests that a version answers before it serves, so that no user waits for its first ones.

They come with the version, where `models.warmup` writes them.
"""

from __future__ import annotations

import itertools

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from models.inputs import untuned
from models.warmup import FILE
from pipeline.serve import proto_tensors
from pipeline.serve.model import Model

_MOST = 1000  # as TensorFlow Serving


def warm_up(model: Model) -> int:
    """Answers a version's own requests; returns how many there were.

    Raises:
      RequestError: if one is refused.
    """
    file = model.path / FILE
    if not file.is_file():
        return 0
    records = untuned(tf.data.TFRecordDataset(str(file))).as_numpy_iterator()
    count = 0
    for record in itertools.islice(records, _MOST):
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        signature = model.signature(proto_tensors.signature_name(request.model_spec))
        signature(proto_tensors.arrays(request.inputs, signature))
        count += 1
    return count
