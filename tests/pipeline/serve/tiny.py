"""A small model whose answers tell its version, a server in this process, clients of both kinds."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    model_service_pb2_grpc,
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
)

from pipeline.serve.server import Options, Server

SLOW = 999  # a target that takes a second or two
INPUTS = {
    "history_item": [[1, 2, 3], [4, 0, 0]],
    "history_length": [3, 1],
    "target_item": [[10, 20], [30, 40]],
    "target_brand": [["a", "bc"], ["", "été"]],
}


def probability(version: int, item: Any, length: Any, brand: Any) -> Any:
    """What the model says, worked out in Python."""
    return version / 100 + item / 10000 + length / 1000 + brand / 100000


def expected(version: int) -> np.ndarray:
    """Of `INPUTS`, whose brands have 1, 2, 0 and 5 bytes."""
    return np.array(
        [
            [probability(version, 10, 3, 1), probability(version, 20, 3, 2)],
            [probability(version, 30, 1, 0), probability(version, 40, 1, 5)],
        ]
    )


class Tiny(tf.Module):
    """Both signatures of Everlong's models, of a few features."""

    def __init__(self, version: int) -> None:
        super().__init__()
        self.version = tf.Variable(float(version))

    @tf.function(
        input_signature=[
            {
                "history_item": tf.TensorSpec([None, None], tf.int64, "history_item"),
                "history_length": tf.TensorSpec([None], tf.int64, "history_length"),
                "target_item": tf.TensorSpec([None, None], tf.int64, "target_item"),
                "target_brand": tf.TensorSpec([None, None], tf.string, "target_brand"),
            }
        ]
    )
    def score(self, x):
        length, item, brand = x["history_length"], x["target_item"], x["target_brand"]
        most = tf.shape(x["history_item"], tf.int64)[1]
        text = ["history_length: must be 0 to ", tf.as_string(most), ", the 'columns' of été"]
        with tf.control_dependencies([_check(tf.reduce_all(length <= most), text)]):
            slow = tf.cast(tf.reduce_any(item == SLOW), tf.int32) * 400
        weight = tf.while_loop(
            lambda i, _: i < slow,
            lambda i, m: (i + 1, tf.linalg.matmul(m, m) / 400),
            [0, tf.ones([400, 400])],
        )[1][0, 0]
        found = probability(
            self.version * weight,
            tf.cast(item, tf.float32),
            tf.cast(length, tf.float32)[:, None],
            tf.cast(tf.strings.length(brand), tf.float32),
        )
        return {"probability": found, "probability_like": found / 2}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serving_default(self, examples):
        spec = {name: tf.io.RaggedFeature(tf.int64) for name in ("history_time", "target_item")}
        x = tf.io.parse_example(examples, spec)
        item = tf.cast(x["target_item"].to_tensor(), tf.float32)
        length = tf.cast(x["history_time"].row_lengths(), tf.float32)[:, None]
        return {"probability": probability(self.version, item, length, 0.0)}


def _check(right, text):
    def fail():
        stop = tf.raw_ops.Assert(condition=False, data=[tf.strings.join(text)], summarize=1)
        with tf.control_dependencies([stop]):
            return tf.constant(False)

    return tf.cond(right, lambda: tf.constant(True), fail)


def publish(folder: Path, version: int, warm_up: list[predict_pb2.PredictRequest] = ()) -> Path:
    """Makes a version appear as Pusher does: by one rename."""
    aside = folder / f".staging-{version}"
    tiny = Tiny(version)
    signatures = {
        "score": tiny.score.get_concrete_function(),
        "serving_default": tiny.serving_default.get_concrete_function(),
    }
    tf.saved_model.save(tiny, str(aside), signatures)
    if warm_up:
        (aside / "assets.extra").mkdir()
        file = str(aside / "assets.extra" / "tf_serving_warmup_requests")
        with tf.io.TFRecordWriter(file) as writer:
            for request in warm_up:
                log = prediction_log_pb2.PredictionLog()
                log.predict_log.request.CopyFrom(request)
                writer.write(log.SerializeToString())
    os.rename(aside, folder / str(version))
    return folder / str(version)


@contextlib.contextmanager
def running(folder: Path, **options: Any) -> Iterator[Server]:
    """A server of a folder, on free ports."""
    given = {
        "model": folder,
        "name": "everlong",
        "host": "127.0.0.1",
        "rest_port": 0,
        "grpc_port": 0,
        "workers": 2,
        "queue": 64,
        "most_bytes": 1 << 20,
        "timeout_seconds": 60.0,
        "poll_seconds": 0.05,
    }
    server = Server(Options(**(given | options)))
    server.start()
    try:
        yield server
    finally:
        server.drain()


class Rest:
    """A client that keeps its connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def get(self, path: str) -> tuple[int, Any]:
        """Status, and the answer as JSON or, if it is none, as text."""
        return self._ask("GET", path, None)

    def post(self, body: Any, path: str = "/v1/models/everlong:predict") -> tuple[int, Any]:
        """Status, and the answer as JSON; the body is bytes or a value."""
        return self._ask("POST", path, body if isinstance(body, bytes) else json.dumps(body))

    def score(self, inputs: Any = INPUTS) -> tuple[int, Any]:
        return self.post({"signature_name": "score", "inputs": inputs})

    def _ask(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        self._connection.request(method, path, body)
        answer = self._connection.getresponse()
        text = answer.read().decode()
        is_json = answer.headers["Content-Type"] == "application/json"
        return answer.status, json.loads(text) if is_json else text


class Rpc:
    """A client by the stubs that TensorFlow Serving publishes."""

    def __init__(self, port: int) -> None:
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self.model = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def score(self, timeout: float | None = None, **changes: Any) -> predict_pb2.PredictResponse:
        return self.prediction.Predict(predict_request(**changes), timeout=timeout)


def predict_request(signature: str = "score", **changes: Any) -> predict_pb2.PredictRequest:
    """A message with `INPUTS`, some of them others or, if None, left out."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "everlong", signature
    for name, value in (INPUTS | changes).items():
        if value is not None:
            tensor = value if isinstance(value, np.ndarray) else np.array(value)
            if tensor.dtype.kind == "U":
                tensor = np.char.encode(tensor, "utf-8").astype(object)
            request.inputs[name].CopyFrom(tf.make_tensor_proto(tensor))
    return request


def refused(call: Callable[[], Any]) -> tuple[str, str]:
    """The code and the sentence of a call that fails."""
    try:
        call()
    except grpc.RpcError as error:
        return error.code().name, error.details()
    raise AssertionError("it did not fail")


def wait_until(happened: Callable[[], Any]) -> None:
    """Waits for what other threads do; fails only after so long that they must be stuck."""
    end = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)
