"""Requests that TensorFlow Serving scores before a version takes traffic: its first one is slow.

They lie in `assets.extra/tf_serving_warmup_requests` of the SavedModel, where it looks for them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from models import features
from models.example_request import ExampleRequests

FILE = os.path.join("assets.extra", "tf_serving_warmup_requests")
TARGETS = (1, 128)


def write(
    folder: str,
    requests: ExampleRequests,
    spec: Mapping[str, tf.TensorSpec],
    lengths: Iterable[int],
) -> None:
    """Writes a request of `score` for each length of histories and number of targets.

    Args:
      folder: of the SavedModel.
      requests: to draw from.
      spec: of their inputs.
      lengths: of histories, such as those that training was padded to.
    """
    path = os.path.join(folder, FILE)
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.TFRecordWriter(path) as file:
        for length in sorted(set(lengths)):
            for targets in TARGETS:
                request = predict_pb2.PredictRequest()
                request.model_spec.signature_name = features.SCORE
                for name, values in requests.draw(length, targets).items():
                    tensor = tf.make_tensor_proto(values, spec[name].dtype)
                    request.inputs[name].CopyFrom(tensor)
                log = prediction_log_pb2.PredictionLog()
                log.predict_log.request.CopyFrom(request)
                file.write(log.SerializeToString())
